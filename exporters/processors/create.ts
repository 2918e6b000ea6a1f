import type { Signal, SignalData } from "../../schema/index.js";
import { createAttributes } from "./attributes.js";
import { createFilter } from "./filter.js";
import { createRedaction } from "./redaction.js";
import type { Processor, ProcessorConfig, ProcessResult } from "./types.js";

/** The processors of one destination, in the order they run. A filter remembers traces: create them once. */
export function createProcessors(configs: readonly ProcessorConfig[]): readonly Processor[] {
  return configs.map((config) => onlyFor(config.signals, createProcessor(config)));
}

function createProcessor(config: ProcessorConfig): Processor {
  switch (config.type) {
    case "filter":
      return createFilter(config);
    case "attributes":
      return createAttributes(config);
    case "redaction":
      return createRedaction(config);
  }
}

function onlyFor(signals: readonly Signal[] | undefined, processor: Processor): Processor {
  if (signals === undefined) return processor;
  return {
    id: processor.id,
    process: <S extends Signal>(signal: S, data: SignalData[S]): ProcessResult<S> =>
      signals.includes(signal) ? processor.process(signal, data) : { data, filtered: {}, failed: [] },
  };
}
