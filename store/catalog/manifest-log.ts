import { crc32 } from "node:zlib";
import type { ItemCounts } from "../../journal/index.js";
import { CounterfoilError, errorMessage } from "../../schema/errors.js";
import type { FileEntry, QuarantinedFile } from "../types.js";
import { CatalogState } from "./catalog-state.js";

/** Version of the manifest's line format: raised when an older reader would misread a line. */
export const MANIFEST_VERSION = 1;

/** File name of the manifest below `mirror/`. */
export const MANIFEST_FILE = "manifest.jsonl";

/**
 * One line of the manifest. `snapshot` lines replace everything before them: the first line of a manifest always is
 * one. `crc` is the CRC-32 (hex) of the line's text before `,"crc"`.
 */
export interface ManifestLine {
  readonly v: number;
  readonly version: number;
  /** Version before this line; a line may hold several commits. Absent in a snapshot. */
  readonly after?: number;
  readonly snapshot?: true;
  readonly add: readonly FileEntry[];
  readonly remove: readonly string[];
  readonly sealedSeq: number;
  readonly sealedCounts: ItemCounts;
  readonly quarantine?: readonly QuarantinedFile[];
  readonly settled?: readonly string[];
}

/** What a manifest's bytes say. */
export interface ParsedManifest {
  readonly state: CatalogState;
  /** Bytes up to the end of the last good line; anything after them is a torn write. */
  readonly goodBytes: number;
  /** Length of the first line, the last full snapshot. */
  readonly snapshotBytes: number;
  readonly lines: number;
}

const CRC_SUFFIX_LENGTH = ',"crc":"00000000"}'.length;

function crcHex(text: string): string {
  return crc32(text).toString(16).padStart(8, "0");
}

/** One manifest line with its newline. */
export function encodeManifestLine(line: ManifestLine): string {
  const body = JSON.stringify(line).slice(0, -1);
  return `${body},"crc":"${crcHex(body)}"}\n`;
}

/** A snapshot line of `state`. */
export function encodeSnapshotLine(state: CatalogState): string {
  const { version, files, sealedSeq, sealedCounts, quarantined } = state.snapshot();
  return encodeManifestLine({
    v: MANIFEST_VERSION,
    version,
    snapshot: true,
    add: files,
    remove: [],
    sealedSeq,
    sealedCounts,
    ...(quarantined.length === 0 ? {} : { quarantine: quarantined }),
  });
}

/** The line, or undefined when its checksum or syntax is wrong. Throws CF_CATALOG_VERSION for a newer format. */
function decodeManifestLine(text: string, path: string): ManifestLine | undefined {
  const body = text.slice(0, -CRC_SUFFIX_LENGTH);
  const crcHolds = text.slice(body.length) === `,"crc":"${crcHex(body)}"}`;
  let line: Partial<ManifestLine>;
  try {
    line = JSON.parse(text) as Partial<ManifestLine>;
  } catch {
    return undefined;
  }
  const foreignFormat = crcHolds || !/,"crc":"[0-9a-f]{8}"\}$/.test(text);
  if (foreignFormat && typeof line?.v === "number" && line.v > MANIFEST_VERSION) {
    throw new CounterfoilError(
      "CF_CATALOG_VERSION",
      `${path} is in manifest format ${line.v}; this version of Counterfoil reads up to ${MANIFEST_VERSION}. Nothing was changed. Use the newer version that wrote it.`,
    );
  }
  return crcHolds ? (line as ManifestLine) : undefined;
}

function corrupt(path: string, lineNumber: number, what: string): CounterfoilError {
  return new CounterfoilError(
    "CF_CATALOG_CORRUPT",
    `${path}, line ${lineNumber}: ${what}. Nothing was changed. Restore the file from a backup, or move the mirror folder away to start a new one.`,
  );
}

function* splitLines(bytes: Uint8Array): Generator<{ text: string; end: number; terminated: boolean }> {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let start = 0; start < buffer.length;) {
    const newline = buffer.indexOf(10, start);
    const end = newline < 0 ? buffer.length : newline;
    yield { text: buffer.toString("utf8", start, end), end: end + 1, terminated: newline >= 0 };
    start = end + 1;
  }
}

/**
 * Replays a manifest. A torn or damaged end (the last line, or zeros after it) is left out: it was never
 * acknowledged, or the sealer redoes it. Damage with good lines after it, a gap in the versions or a damaged first
 * line (a snapshot, always written whole) throws CF_CATALOG_CORRUPT. `path` is for messages.
 */
export function parseManifest(bytes: Uint8Array, path: string): ParsedManifest {
  const state = new CatalogState();
  let goodBytes = 0;
  let snapshotBytes = 0;
  let lines = 0;
  let lineNumber = 0;
  let badLine = 0;
  for (const { text, end, terminated } of splitLines(bytes)) {
    lineNumber += 1;
    const line = terminated ? decodeManifestLine(text, path) : undefined;
    if (line === undefined) {
      if (lines === 0) throw corrupt(path, lineNumber, "the first line, the full list of files, is damaged");
      if (badLine === 0) badLine = lineNumber;
      continue;
    }
    if (badLine > 0) throw corrupt(path, badLine, "the line is damaged, yet good lines follow it");
    const before = state.version;
    if (lines === 0 ? line.snapshot !== true : line.after !== before || line.version <= before) {
      throw corrupt(
        path,
        lineNumber,
        lines === 0
          ? "the first line is no full list of files"
          : `it continues version ${line.after ?? "?"}, but the line before gives ${before}`,
      );
    }
    try {
      state.replay(line);
    } catch (error) {
      throw corrupt(path, lineNumber, errorMessage(error));
    }
    if (lines === 0) snapshotBytes = end;
    lines += 1;
    goodBytes = end;
  }
  if (lines === 0) throw corrupt(path, 1, "the file is empty");
  return { state, goodBytes, snapshotBytes, lines };
}
