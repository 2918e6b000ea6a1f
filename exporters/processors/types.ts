import type { Signal, SignalData } from "../../schema/index.js";

/** A value test: at least one member; all given members must hold. Serialisable, so that a worker can be given it. */
export interface ValueMatch {
  /** The value's text is exactly this. */
  readonly equals?: string;
  /** The value's text matches this regular expression (JavaScript syntax, flag `u`). */
  readonly matches?: string;
  /** The attribute is there (true) or is not (false). */
  readonly exists?: boolean;
}

/** One rule of a `filter`: an item that meets every given member is dropped. */
export interface FilterRule {
  /** Counted under `<processor id>/<rule name>`. */
  readonly name: string;
  readonly signals?: readonly Signal[];
  /** Span name, log event name or metric name. */
  readonly itemName?: ValueMatch;
  /** Span kinds: internal, server, client, producer, consumer. Only spans have one. */
  readonly kinds?: readonly string[];
  /** By attribute key, on the item itself. */
  readonly attributes?: Readonly<Record<string, ValueMatch>>;
  /** By attribute key, on the item's resource. */
  readonly resource?: Readonly<Record<string, ValueMatch>>;
}

interface ProcessorConfigBase {
  /** `type` or `type/name`, as in the configuration. */
  readonly id: string;
  /** Signals whose pipelines to this destination name it; absent means all. Others pass unchanged. */
  readonly signals?: readonly Signal[];
}

/** Drops what its rules match. */
export interface FilterProcessorConfig extends ProcessorConfigBase {
  readonly type: "filter";
  readonly rules: readonly FilterRule[];
  /** Never drop a span that is an ancestor of a kept one, as far as this batch and the spans remembered show. */
  readonly keepAncestors: boolean;
}

/** One step of an `attributes` processor, as in the OpenTelemetry Collector. */
export interface AttributeAction {
  readonly action: "insert" | "update" | "upsert" | "delete" | "hash" | "extract";
  readonly key: string;
  /** New value for insert, update and upsert. */
  readonly value?: string | number | boolean;
  /** Take the new value from this attribute instead. */
  readonly fromAttribute?: string;
  /** For `extract`: a regular expression whose named groups become attributes. */
  readonly pattern?: string;
}

/** Changes attributes of items and, with `resource`, of resources. */
export interface AttributesProcessorConfig extends ProcessorConfigBase {
  readonly type: "attributes";
  readonly target: "item" | "resource";
  readonly actions: readonly AttributeAction[];
}

/** Replaces sensitive values. A failure makes the item a dead letter (`redaction_error`): nothing leaves unredacted (I7). */
export interface RedactionProcessorConfig extends ProcessorConfigBase {
  readonly type: "redaction";
  /** Attributes whose key matches one of these (regular expressions, case-insensitive) lose their whole value. */
  readonly keyPatterns: readonly string[];
  /** Whatever matches one of these inside any text value is replaced. */
  readonly valuePatterns: readonly string[];
  readonly replacement: string;
}

/** What a destination's worker is given; serialisable. */
export type ProcessorConfig = FilterProcessorConfig | AttributesProcessorConfig | RedactionProcessorConfig;

/** What a processor made of one request. */
export interface ProcessResult<S extends Signal> {
  readonly data: SignalData[S];
  /** Items dropped on purpose, by rule (`<processor id>` or `<processor id>/<rule>`). */
  readonly filtered: Readonly<Record<string, number>>;
  /** Items taken out because they could not be processed, by reason, one request each: they become dead letters. */
  readonly failed: readonly {
    readonly reason: string;
    readonly message: string;
    readonly data: SignalData[S];
  }[];
}

/** One step between the journal and a destination. It may change `data` in place: the caller owns a fresh decode. */
export interface Processor {
  readonly id: string;
  process<S extends Signal>(signal: S, data: SignalData[S]): ProcessResult<S>;
}
