import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { findBodyFields } from "./body-fields.js";
import { encodeGzipBody } from "./gzip-body.js";
import { MODELS, Workload, type WorkloadKind } from "./workload.js";

/** Which bodies: the same set gives the same bytes. */
export interface BodySet {
  readonly kind: WorkloadKind;
  /** Distinct bodies. Few would flatter compression: a file holds about 20,000 spans. */
  readonly count: number;
  readonly spansPerBody: number;
  readonly encoding: "identity" | "gzip";
  /** Every `gen_ai.` key renamed to one of the same length that no rule knows: what the rules cost. */
  readonly unknownKeys?: boolean;
  /** Every model renamed to one of the same length that no price is known for: what pricing costs. */
  readonly unknownModels?: boolean;
}

/** One request body and what may be changed in it. */
export interface Body {
  readonly bytes: Buffer;
  readonly spans: number;
  /** Bytes before compression. */
  readonly rawBytes: number;
  readonly ids: Uint32Array;
  /** Empty for gzip'd bodies: their times stay as they are. */
  readonly times: Uint32Array;
  readonly lastTime: number;
  /** Only for gzip'd bodies; see {@link GzipBody}. */
  readonly crcByBit: Uint32Array;
}

const SEED = 7;
const HEAD_WORDS = 8;

/** Where what is expensive to make is kept between runs. */
export function cacheFolder(): string {
  const folder = join(tmpdir(), `counterfoil-bench-${userInfo().username}`);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  return folder;
}

/** The bodies of a set, made once and then read from the cache folder. */
export function loadBodies(set: BodySet): Body[] {
  const path = join(cacheFolder(), `bodies-${setName(set)}-${bodySourcesHash()}.bin`);
  try {
    return decodeBodies(readFileSync(path));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
  const bytes = encodeBodies(makeBodies(set));
  const temporary = `${path}.${process.pid}`;
  writeFileSync(temporary, bytes);
  renameSync(temporary, path);
  return decodeBodies(bytes);
}

function setName(set: BodySet): string {
  const keys = set.unknownKeys === true ? "-unknown" : "";
  const models = set.unknownModels === true ? "-unpriced" : "";
  return `${set.kind}-${set.count}x${set.spansPerBody}-${set.encoding}${keys}${models}`;
}

/** Hash of the code that makes bodies: other code, other bodies, and a stale cache must not be read. */
export function bodySourcesHash(): string {
  const hash = createHash("sha256");
  for (const name of ["./workload.js", "./body-fields.js", "./gzip-body.js", "./bodies.js"]) {
    hash.update(readFileSync(new URL(name, import.meta.url)));
  }
  return hash.digest("hex").slice(0, 12);
}

function makeBodies(set: BodySet): Body[] {
  const { kind, count, spansPerBody } = set;
  const workload = new Workload({ kind, requests: count, spansPerRequest: spansPerBody, seed: SEED });
  return workload.bodies().map((plain): Body => {
    if (set.unknownKeys === true) renameAll(plain, "gen_ai.", "zen_ai.");
    if (set.unknownModels === true) for (const model of MODELS) renameAll(plain, model, `z${model.slice(1)}`);
    const { ids, times, lastTime, spans } = findBodyFields(plain);
    const common = { spans, rawBytes: plain.length, lastTime };
    if (set.encoding === "identity") {
      const bytes = Buffer.from(plain.buffer, plain.byteOffset, plain.byteLength);
      return { ...common, bytes, ids, times, crcByBit: new Uint32Array() };
    }
    const zipped = encodeGzipBody(plain, ids);
    return { ...common, ...zipped, times: new Uint32Array() };
  });
}

/** Both texts have the same length, and the new one does not hold the old one. */
function renameAll(body: Uint8Array, from: string, to: string): void {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  for (let at = bytes.indexOf(from); at >= 0; at = bytes.indexOf(from, at)) bytes.write(to, at);
}

/** Per body: lengths, then the offsets, then the bytes; everything 4-byte aligned. */
function encodeBodies(bodies: readonly Body[]): Buffer {
  const parts: Uint8Array[] = [];
  for (const body of bodies) {
    const { bytes, spans, rawBytes, ids, times, lastTime, crcByBit } = body;
    const head = [bytes.length, spans, rawBytes, ids.length, times.length, lastTime, crcByBit.length, 0];
    for (const words of [Uint32Array.from(head), ids, times, crcByBit])
      parts.push(new Uint8Array(words.buffer));
    parts.push(bytes, new Uint8Array(padding(bytes.length)));
  }
  return Buffer.concat(parts);
}

function padding(length: number): number {
  return (4 - (length % 4)) % 4;
}

function decodeBodies(file: Buffer): Body[] {
  const bodies: Body[] = [];
  let at = 0;
  const words = (count: number): Uint32Array => {
    const copy = new Uint32Array(count);
    for (let index = 0; index < count; index++) copy[index] = file.readUInt32LE(at + index * 4);
    at += count * 4;
    return copy;
  };
  while (at < file.length) {
    const [size = 0, spans = 0, rawBytes = 0, ids = 0, times = 0, lastTime = 0, crcs = 0] = words(HEAD_WORDS);
    const fields = { ids: words(ids), times: words(times), crcByBit: words(crcs) };
    bodies.push({ bytes: file.subarray(at, at + size), spans, rawBytes, lastTime, ...fields });
    at += size + padding(size);
  }
  return bodies;
}
