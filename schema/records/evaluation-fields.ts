import { createHash } from "node:crypto";
import { anyValueToJson } from "../otlp/any-value.js";
import type { AnyValue, KeyValue } from "../otlp/types.js";
import { hexToUuid } from "./ids.js";
import { unixNanoToTime } from "./time.js";
import type { JsonObject, JsonValue, StoredChange } from "./types.js";

/** What a judgement is about, in ids of telemetry. */
export interface JudgedIds {
  readonly target?: "span" | "trace" | "thread";
  readonly traceId?: string | undefined;
  readonly spanId?: string | undefined;
  readonly threadId?: string | undefined;
  /** `gen_ai.response.id`: names the call where its span is not known. */
  readonly responseId?: string | undefined;
}

/** A judgement found in telemetry. */
export interface Judgement {
  readonly name: string;
  readonly ids: JudgedIds;
  /** What tells it from other judgements of the same target; the same after a redelivery. */
  readonly identity: readonly string[];
  readonly score: AnyValue | undefined;
  readonly label: AnyValue | undefined;
  readonly explanation: AnyValue | undefined;
  readonly sourceType: string;
  readonly sourceMetadata: JsonObject;
  readonly extra: JsonObject;
  readonly failed: boolean;
  readonly timeUnixNano: bigint;
}

/** A judgement as feedback whose id is computed, so that a redelivery is the same feedback (invariant I6). */
export function judgementRecord(judgement: Judgement): StoredChange {
  const { ids, name, label, explanation, failed, sourceType: type, timeUnixNano } = judgement;
  const time = timeUnixNano === 0n ? undefined : unixNanoToTime(timeUnixNano);
  const score = scoreOf(judgement.score);
  const value = label === undefined ? undefined : jsonOf(label);
  return {
    type: "feedback",
    id: idOf(judgement),
    op: "put",
    time,
    source: "otlp",
    more: undefined,
    data: withoutAbsent({
      key: name,
      score,
      value,
      comment: explanation?.stringValue,
      target: ids.target,
      trace_id: ids.traceId,
      span_id: ids.spanId,
      thread_id: ids.threadId,
      response_id: ids.responseId,
      feedback_source: withoutAbsent({ type, metadata: present(judgement.sourceMetadata) }),
      error: failed ? true : undefined,
      extra: present(judgement.extra),
      created_at: time,
      modified_at: time,
    }),
  };
}

function idOf({ ids, identity, name }: Judgement): string {
  const parts = [ids.target, ids.traceId, ids.spanId, ids.threadId, ids.responseId, name, ...identity];
  const hash = createHash("sha256").update(JSON.stringify(parts)).digest("hex");
  // Version 8 of a UUID: made by a rule of one's own.
  const variant = ((Number.parseInt(hash.charAt(16), 16) & 3) | 8).toString(16);
  return hexToUuid(`${hash.slice(0, 12)}8${hash.slice(13, 16)}${variant}${hash.slice(17, 32)}`);
}

/** A number that JSON can hold, or true or false; anything else is no score. */
function scoreOf(value: AnyValue | undefined): number | boolean | undefined {
  if (value?.boolValue !== undefined) return value.boolValue;
  if (value?.intValue !== undefined) return Number(value.intValue);
  return Number.isFinite(value?.doubleValue) ? value?.doubleValue : undefined;
}

/** A value as JSON; numbers are those of JavaScript. */
export function jsonOf(value: AnyValue): JsonValue {
  return JSON.parse(anyValueToJson(value)) as JsonValue;
}

/** The value of the first attribute of that name. */
export function attribute(attributes: readonly KeyValue[], name: string): AnyValue | undefined {
  return attributes.find(({ key }) => key === name)?.value;
}

function present(object: JsonObject): JsonObject | undefined {
  return Object.keys(object).length === 0 ? undefined : object;
}

/** The object without the keys that have no value. */
export function withoutAbsent(object: Readonly<Record<string, JsonValue | undefined>>): JsonObject {
  return Object.fromEntries(
    Object.entries(object).filter(
      (pair): pair is [string, JsonValue] => pair[1] !== undefined && pair[1] !== "",
    ),
  );
}
