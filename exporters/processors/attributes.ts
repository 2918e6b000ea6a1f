import { createHash } from "node:crypto";
import {
  anyValueToText,
  type AnyValue,
  type KeyValue,
  type Signal,
  type SignalData,
} from "../../schema/index.js";
import { eachItem } from "./items.js";
import type { AttributeAction, AttributesProcessorConfig, Processor, ProcessResult } from "./types.js";

type Step = (attributes: KeyValue[]) => void;

/** Inserts, changes and removes attributes, with the actions and meanings of the Collector's `attributes` processor. */
export function createAttributes(config: AttributesProcessorConfig): Processor {
  const steps = config.actions.map(compileAction);
  return {
    id: config.id,
    process: <S extends Signal>(signal: S, data: SignalData[S]): ProcessResult<S> => {
      const done = new Set<KeyValue[]>();
      eachItem(signal, data, ({ item, context }) => {
        const attributes = config.target === "item" ? item.attributes : context.resource?.attributes;
        // A resource is shared by many items, and must be changed once.
        if (attributes === undefined || done.has(attributes)) return;
        done.add(attributes);
        for (const step of steps) step(attributes);
      });
      return { data, filtered: {}, failed: [] };
    },
  };
}

function compileAction(action: AttributeAction): Step {
  const { key } = action;
  switch (action.action) {
    case "insert":
      return (attributes) => {
        const value = newValue(action, attributes);
        if (value !== undefined && find(attributes, key) === undefined) attributes.push({ key, value });
      };
    case "update":
      return (attributes) => {
        const value = newValue(action, attributes);
        const present = find(attributes, key);
        if (value !== undefined && present !== undefined) present.value = value;
      };
    case "upsert":
      return (attributes) => upsert(attributes, key, newValue(action, attributes));
    case "delete":
      return (attributes) => {
        for (let at = attributes.length - 1; at >= 0; at--) {
          if (attributes[at]?.key === key) attributes.splice(at, 1);
        }
      };
    case "hash":
      return (attributes) => {
        for (const attribute of attributes) {
          if (attribute.key === key)
            attribute.value = { stringValue: sha256(anyValueToText(attribute.value ?? {})) };
        }
      };
    case "extract": {
      const pattern = new RegExp(action.pattern ?? "", "u");
      return (attributes) => {
        const source = find(attributes, key)?.value?.stringValue;
        const groups = source === undefined ? undefined : pattern.exec(source)?.groups;
        for (const [name, text] of Object.entries(groups ?? {})) {
          if (text !== undefined) upsert(attributes, name, { stringValue: text });
        }
      };
    }
  }
}

function find(attributes: KeyValue[], key: string): KeyValue | undefined {
  return attributes.find((attribute) => attribute.key === key);
}

function upsert(attributes: KeyValue[], key: string, value: AnyValue | undefined): void {
  if (value === undefined) return;
  const present = find(attributes, key);
  if (present === undefined) attributes.push({ key, value });
  else present.value = value;
}

/** The action's value; undefined when it is to come from an attribute that is not there. */
function newValue(action: AttributeAction, attributes: KeyValue[]): AnyValue | undefined {
  if (action.fromAttribute !== undefined) return find(attributes, action.fromAttribute)?.value;
  const { value } = action;
  if (typeof value === "string") return { stringValue: value };
  if (typeof value === "boolean") return { boolValue: value };
  if (value === undefined) return undefined;
  return Number.isSafeInteger(value) ? { intValue: BigInt(value) } : { doubleValue: value };
}

function sha256(text: string): string {
  return createHash("sha256").update(text, "utf8").digest("hex");
}
