import {
  attributesOfRule,
  DIALECTS,
  JUDGEMENT_PREFIXES,
  METADATA_PREFIX,
  RUN_TYPE_SOURCES,
  SPAN_RULES,
} from "../../schema/index.js";
import { hash, KeyTable } from "./key-table.js";

/** What a key's name says about its span: bits. */
export const KEY_GEN_AI = 1;
export const KEY_LANGSMITH = 2;
export const KEY_METADATA = 4;
/** A dialect that the byte path can't read by itself: the span is read by the full rules. */
export const KEY_RULES = 8;
/** A name of the conventions before 1.37. */
export const KEY_LEGACY = 16;
/** Part of a judgement that the span carries: it becomes feedback. */
export const KEY_JUDGEMENT = 32;

const ruleSources = SPAN_RULES.flatMap((rule) => rule.sources);

/** Every attribute key that the byte path knows, by id: first the sources in table order (= lift numbers), then the rest. */
export const KNOWN_KEYS: readonly string[] = [
  ...ruleSources,
  ...RUN_TYPE_SOURCES.filter((key) => !ruleSources.includes(key)),
];

/** Names that the byte path knows and yet can't read alone: their content needs a shape. */
const SHAPED_KEYS = ["gen_ai.prompt", "gen_ai.completion", "langsmith.span.tags"];
/** Dialects of which the byte path knows some names: the others of theirs are told by {@link RULE_KEYS}. */
const OWN_PREFIXES = ["gen_ai.*", "langsmith.*", "langsmith.metadata.*"];

/** Dialects whose sources count on spans that the byte path reads; those of all others need a sign of the dialect. */
const ALWAYS_READ = new Set(["otel_genai", "otel_genai_legacy", "langsmith", "generic"]);

const patterns = DIALECTS.flatMap(({ name, detect, columns }) => [
  ...(detect.attributes ?? []),
  ...Object.keys(detect.values ?? {}),
  ...Object.values(ALWAYS_READ.has(name) ? columns : {})
    .flat()
    .flatMap((rule) => attributesOfRule(rule))
    .filter((from) => !from.startsWith("@")),
]).filter((pattern) => !OWN_PREFIXES.includes(pattern));

const ruleKeys = [...new Set(patterns.filter((pattern) => !pattern.endsWith("*")))];
const ruleKeyTable = new KeyTable(ruleKeys.filter((key) => !KNOWN_KEYS.includes(key)));
const prefixes = [...new Set(patterns.filter((pattern) => pattern.endsWith("*")).map((p) => p.slice(0, -1)))];

/** First segments of the names that belong to other dialects: `llm`, `ai`, `genkit`, ... */
const segments = new KeyTable([
  ...new Set(
    prefixes.filter((prefix) => !prefix.startsWith("gen_ai.")).map((prefix) => prefix.split(/[.:]/)[0] ?? ""),
  ),
]);
/** First segments of the names that judgements have, and the whole of what these begin with. */
const judgementSegments = new KeyTable([
  ...new Set(JUDGEMENT_PREFIXES.map((prefix) => prefix.split(".")[0] ?? "")),
]);
const judgementPrefixes = JUDGEMENT_PREFIXES.map((prefix) => Buffer.from(prefix));
const SEGMENT_MAX = 24;
const GEN_AI = Buffer.from("gen_ai.");
const LANGSMITH = Buffer.from("langsmith.");
const METADATA = Buffer.from(METADATA_PREFIX);
const genAiPrefixes = prefixes.filter((prefix) => prefix.startsWith("gen_ai.")).map((p) => Buffer.from(p));
const legacy = new Set(
  DIALECTS.find(({ name }) => name === "otel_genai_legacy")?.detect.attributes?.filter(
    (key) => !key.endsWith("*"),
  ),
);

/** Classes of {@link KNOWN_KEYS}, by id. */
export const KNOWN_CLASSES: Uint8Array = Uint8Array.from(KNOWN_KEYS, (key) => {
  const bytes = Buffer.from(key);
  return (
    prefixClass(bytes, 0, bytes.length) |
    (SHAPED_KEYS.includes(key) ? KEY_RULES : 0) |
    (legacy.has(key) ? KEY_LEGACY : 0)
  );
});

function startsWith(bytes: Uint8Array, offset: number, length: number, prefix: Uint8Array): boolean {
  if (length < prefix.length) return false;
  for (let i = prefix.length - 1; i >= 0; i--) if (bytes[offset + i] !== prefix[i]) return false;
  return true;
}

function prefixClass(bytes: Uint8Array, offset: number, length: number): number {
  const first = bytes[offset];
  if (first === 103) return startsWith(bytes, offset, length, GEN_AI) ? KEY_GEN_AI : 0;
  if (first !== 108 || !startsWith(bytes, offset, length, LANGSMITH)) return 0;
  return startsWith(bytes, offset, length, METADATA) ? KEY_LANGSMITH | KEY_METADATA : KEY_LANGSMITH;
}

function judgementClass(bytes: Uint8Array, offset: number, length: number): number {
  for (const prefix of judgementPrefixes) if (startsWith(bytes, offset, length, prefix)) return KEY_JUDGEMENT;
  return 0;
}

/** The class of a key that is not one of {@link KNOWN_KEYS}; `hashed` is its hash. */
export function unknownKeyClass(bytes: Uint8Array, offset: number, length: number, hashed: number): number {
  if (length === 0) return 0;
  const own = prefixClass(bytes, offset, length);
  if (ruleKeyTable.findHashed(hashed, bytes, offset, length) >= 0) return own | KEY_RULES;
  if (own & KEY_GEN_AI) {
    for (const prefix of genAiPrefixes) if (startsWith(bytes, offset, length, prefix)) return own | KEY_RULES;
    return own;
  }
  if (own !== 0) return own;
  for (let i = 1; i < length && i <= SEGMENT_MAX; i++) {
    const byte = bytes[offset + i];
    if (byte !== 46 && byte !== 58) continue;
    const hashedSegment = hash(bytes, offset, i);
    const rules = segments.findHashed(hashedSegment, bytes, offset, i) >= 0 ? KEY_RULES : 0;
    return judgementSegments.findHashed(hashedSegment, bytes, offset, i) < 0
      ? rules
      : rules | judgementClass(bytes, offset, length);
  }
  return 0;
}
