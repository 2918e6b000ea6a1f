import { createHash } from "node:crypto";
import {
  BUNDLE_MANIFEST_BYTES_MAX,
  COLUMNS_VERSION,
  type ColumnType,
  CounterfoilError,
  errorMessage,
  FORMAT_VERSION,
  RULE_SET_VERSION,
} from "../../schema/index.js";

/** Version of the bundle's layout and meaning. A reader refuses a higher one and reads every lower one. */
export const BUNDLE_VERSION = 1;
/** What `format` says in every manifest. */
export const BUNDLE_FORMAT = "counterfoil-bundle";
/** The file that makes a folder a bundle. */
export const MANIFEST_NAME = "manifest.json";

/** How the tables of a bundle are written. */
export const BUNDLE_FILE_FORMATS = ["parquet", "jsonl"] as const;
export type BundleFileFormat = (typeof BUNDLE_FILE_FORMATS)[number];

/** One file of a bundle. */
export interface BundleFile {
  /** Below the bundle's folder, with `/`. */
  readonly path: string;
  readonly bytes: number;
  /** Lower-case hex. */
  readonly sha256: string;
}

/** One file with rows of a table. */
export interface BundlePart extends BundleFile {
  readonly rows: number;
}

/** A column as the manifest describes it. */
export interface BundleColumn {
  readonly name: string;
  readonly type: ColumnType;
  /** The VARCHAR holds JSON text. */
  readonly json?: true;
  readonly doc: string;
}

/** One table of a bundle. */
export interface BundleTable {
  readonly name: string;
  /** `records`: every change that people and rules made, in order. */
  readonly kind: "telemetry" | "records";
  readonly rows: number;
  readonly columns: readonly BundleColumn[];
  readonly files: readonly BundlePart[];
}

/** What `manifest.json` holds. It has no time of its own, so that the same data gives the same bytes. */
export interface BundleManifest {
  readonly format: typeof BUNDLE_FORMAT;
  readonly version: number;
  readonly producer: { readonly name: string; readonly version: string };
  readonly file_format: BundleFileFormat;
  /** Versions of the tables' format, of their columns, and of the rules that fill those of `spans`. */
  readonly table_format_version: number;
  readonly columns_version: number;
  readonly rule_set_version: number;
  /** What was asked for: null is everything. */
  readonly selection: { readonly tables: readonly string[] | null; readonly since: string | null };
  readonly tables: readonly BundleTable[];
  /** The price tables that `price_version` of `spans` names. */
  readonly price_tables: readonly BundleFile[];
}

/** A manifest without what every manifest of this build has in common. */
export type ManifestContent = Pick<
  BundleManifest,
  "producer" | "file_format" | "selection" | "tables" | "price_tables"
>;

/** The text of a manifest: its last member is the SHA-256 of the text before it. */
export function encodeManifest(content: ManifestContent): string {
  const { producer, ...rest } = content;
  const manifest: BundleManifest = {
    format: BUNDLE_FORMAT,
    version: BUNDLE_VERSION,
    producer,
    table_format_version: FORMAT_VERSION,
    columns_version: COLUMNS_VERSION,
    rule_set_version: RULE_SET_VERSION,
    ...rest,
  };
  const open = JSON.stringify(manifest, null, 1).slice(0, -2);
  return `${open},\n "sha256": "${sha256Of(open)}"\n}\n`;
}

/**
 * Reads a manifest. Throws CF_BUNDLE_INVALID, which says what is wrong, and CF_BUNDLE_VERSION for one of a newer build,
 * before anything else of it is looked at.
 */
export function decodeManifest(bytes: Uint8Array): BundleManifest {
  if (bytes.length > BUNDLE_MANIFEST_BYTES_MAX) {
    throw invalid(`it has ${bytes.length} bytes; at most ${BUNDLE_MANIFEST_BYTES_MAX} are read`);
  }
  const text = new TextDecoder("utf-8").decode(bytes);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw invalid(`it is no JSON, or was cut short (${errorMessage(error)})`);
  }
  const manifest = asObject(value, "it");
  if (manifest["format"] !== BUNDLE_FORMAT) throw invalid(`format is not "${BUNDLE_FORMAT}"`);
  checkVersion(manifest);
  const end = text.lastIndexOf(',\n "sha256": "');
  if (end < 0 || sha256Of(text.slice(0, end)) !== manifest["sha256"]) {
    throw invalid("it was changed: its own sha256 does not fit");
  }
  return checked(manifest);
}

function checkVersion(manifest: Fields): void {
  const version = wholeNumber(manifest, "version", "");
  const tables = wholeNumber(manifest, "table_format_version", "");
  if (version <= BUNDLE_VERSION && tables <= FORMAT_VERSION) return;
  const producer = JSON.stringify(manifest["producer"] ?? "?").slice(0, 200);
  throw new CounterfoilError(
    "CF_BUNDLE_VERSION",
    `The bundle has version ${version} with tables of format ${tables}; this build reads up to ${BUNDLE_VERSION} and ${FORMAT_VERSION}. It was written by ${producer}: import it with that version.`,
  );
}

type Fields = Readonly<Record<string, unknown>>;

function checked(manifest: Fields): BundleManifest {
  if (!BUNDLE_FILE_FORMATS.some((known) => known === manifest["file_format"])) {
    throw invalid(`file_format must be one of ${BUNDLE_FILE_FORMATS.join(", ")}`);
  }
  asObject(manifest["producer"], "producer");
  asObject(manifest["selection"], "selection");
  wholeNumber(manifest, "columns_version", "");
  wholeNumber(manifest, "rule_set_version", "");
  const names = new Set<string>();
  const paths = new Set<string>();
  const format = String(manifest["file_format"]);
  for (const [index, item] of asList(manifest["tables"], "tables").entries()) {
    const where = `tables[${index}]`;
    const table = asObject(item, where);
    const name = asName(table["name"], `${where}.name`);
    if (names.has(name)) throw invalid(`the table ${name} is there twice`);
    names.add(name);
    checkTable(table, { where, format, paths });
  }
  for (const [index, item] of asList(manifest["price_tables"], "price_tables").entries()) {
    checkFile(item, `price_tables[${index}]`, { pattern: /^price_tables\/[0-9a-f]{12}\.json$/, paths });
  }
  return manifest as unknown as BundleManifest;
}

function checkTable(
  table: Fields,
  { where, format, paths }: { where: string; format: string; paths: Set<string> },
): void {
  const name = String(table["name"]);
  if (table["kind"] !== "telemetry" && table["kind"] !== "records") {
    throw invalid(`${where}.kind must be telemetry or records`);
  }
  for (const [index, item] of asList(table["columns"], `${where}.columns`).entries()) {
    const column = asObject(item, `${where}.columns[${index}]`);
    asName(column["name"], `${where}.columns[${index}].name`);
    if (typeof column["type"] !== "string") throw invalid(`${where}.columns[${index}].type must be a text`);
  }
  let rows = 0;
  const pattern = new RegExp(`^${name}/[0-9a-z-]{1,40}\\.${format}$`);
  for (const [index, item] of asList(table["files"], `${where}.files`).entries()) {
    const place = `${where}.files[${index}]`;
    rows += wholeNumber(checkFile(item, place, { pattern, paths }), "rows", `${place}.`);
  }
  const total = wholeNumber(table, "rows", `${where}.`);
  if (total !== rows) throw invalid(`${where} says ${total} rows, and its files ${rows}`);
}

/** Names of files are ours: none can lead out of the bundle. */
function checkFile(
  value: unknown,
  where: string,
  { pattern, paths }: { pattern: RegExp; paths: Set<string> },
): Fields {
  const file = asObject(value, where);
  const { path, sha256 } = file;
  if (typeof path !== "string" || !pattern.test(path)) {
    throw invalid(`${where}.path ${JSON.stringify(path)?.slice(0, 200)} is not like ${pattern.source}`);
  }
  if (paths.has(path)) throw invalid(`the file ${path} is there twice`);
  paths.add(path);
  if (typeof sha256 !== "string" || !/^[0-9a-f]{64}$/.test(sha256)) {
    throw invalid(`${where}.sha256 is no SHA-256 in lower-case hex`);
  }
  wholeNumber(file, "bytes", `${where}.`);
  return file;
}

function asObject(value: unknown, where: string): Fields {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Fields;
  throw invalid(`${where} must be an object`);
}

function asList(value: unknown, where: string): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw invalid(`${where} must be a list`);
}

function asName(value: unknown, where: string): string {
  if (typeof value === "string" && /^[a-z][a-z0-9_]{0,62}$/.test(value)) return value;
  throw invalid(`${where} must be a name of lower-case letters, digits and _`);
}

function wholeNumber(fields: Fields, name: string, prefix: string): number {
  const value = fields[name];
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
  throw invalid(`${prefix}${name} must be a whole number`);
}

function sha256Of(text: string): string {
  return createHash("sha256").update(text, "utf8").digest("hex");
}

function invalid(what: string): CounterfoilError {
  return new CounterfoilError("CF_BUNDLE_INVALID", `${MANIFEST_NAME}: ${what}.`);
}
