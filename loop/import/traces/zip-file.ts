import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { crc32, inflateRawSync } from "node:zlib";
import { decompress as unzstd } from "fzstd";
import { CounterfoilError, ZIP_ENTRIES_MAX, ZIP_ENTRY_BYTES_MAX } from "../../../schema/index.js";

/** A file within a zip file, as the directory at its end has it. */
export interface ZipEntry {
  /** As it is written there. It is only a name: nothing is ever written to it. */
  readonly name: string;
  readonly bytes: number;
  readonly storedBytes: number;
  readonly method: number;
  readonly crc: number;
  readonly offset: number;
}

const END = 0x06054b50;
const END_BYTES = 22;
const COMMENT_BYTES_MAX = 65_535;
const ENTRY = 0x02014b50;
const ENTRY_BYTES = 46;
const LOCAL = 0x04034b50;
const LOCAL_BYTES = 30;
/** Where the real number is in fields of zip64. */
const ELSEWHERE = 0xffff_ffff;
const STORED = 0;
const DEFLATED = 8;
const ZSTD = 93;
const ENCRYPTED = 1;

/** Reads single files out of a zip file, each within its bounds and checked by its checksum. */
export class ZipFile {
  readonly #path: string;
  readonly #file: number;
  /** By name; of several with one name the last, as programs add to a zip file. */
  readonly entries: ReadonlyMap<string, ZipEntry>;

  /** Throws CF_IMPORT_FILE_INVALID for what is no zip file, and one with more than ZIP_ENTRIES_MAX files. */
  constructor(path: string) {
    this.#path = path;
    this.#file = openSync(path, "r");
    try {
      this.entries = this.#directory();
    } catch (error) {
      closeSync(this.#file);
      throw error;
    }
  }

  close(): void {
    closeSync(this.#file);
  }

  /** The bytes of a file, unpacked. Throws CF_IMPORT_FILE_INVALID when it is damaged, or larger than it says or may be. */
  read(entry: ZipEntry): Buffer {
    const { bytes, crc, method, name, offset, storedBytes } = entry;
    if (bytes > ZIP_ENTRY_BYTES_MAX || storedBytes > ZIP_ENTRY_BYTES_MAX) {
      throw this.#invalid(`${name} has ${bytes} bytes; at most ${ZIP_ENTRY_BYTES_MAX} are unpacked`);
    }
    const head = this.#at(offset, LOCAL_BYTES);
    if (head.readUInt32LE(0) !== LOCAL) throw this.#invalid(`${name} is not where the directory says`);
    const start = offset + LOCAL_BYTES + head.readUInt16LE(26) + head.readUInt16LE(28);
    const content = this.#unpacked(this.#at(start, storedBytes), { name, method, bytes });
    if (content.length !== bytes || crc32(content) !== crc) throw this.#invalid(`${name} is damaged`);
    return content;
  }

  #unpacked(
    stored: Buffer,
    { bytes, method, name }: { readonly name: string; readonly method: number; readonly bytes: number },
  ): Buffer {
    if (method === STORED) return stored;
    try {
      if (method === DEFLATED) return inflateRawSync(stored, { maxOutputLength: Math.max(1, bytes) });
      // Nothing is written beyond the end of the buffer that is given.
      if (method === ZSTD) return Buffer.from(unzstd(stored, new Uint8Array(bytes)));
    } catch (error) {
      throw this.#invalid(`${name} is damaged, or larger than it says`, error);
    }
    throw this.#invalid(`${name} is packed by method ${method}, which is none of stored, deflate and zstd`);
  }

  #directory(): Map<string, ZipEntry> {
    const { size } = fstatSync(this.#file);
    const tailBytes = Math.min(size, END_BYTES + COMMENT_BYTES_MAX);
    const tail = this.#at(size - tailBytes, tailBytes);
    let end = tail.length - END_BYTES;
    while (end >= 0 && tail.readUInt32LE(end) !== END) end--;
    if (end < 0) throw this.#invalid("it is no zip file, or was cut short");
    const [count, bytes, offset] = [
      tail.readUInt16LE(end + 10),
      tail.readUInt32LE(end + 12),
      tail.readUInt32LE(end + 16),
    ];
    if (count === 0xffff || offset === ELSEWHERE)
      throw this.#invalid("it is of more than 4 GB or 65,534 files (zip64)");
    if (count > ZIP_ENTRIES_MAX || offset + bytes > size) throw this.#invalid("its directory can't be");
    const directory = this.#at(offset, bytes);
    const entries = new Map<string, ZipEntry>();
    for (let at = 0, n = 0; n < count; n++) {
      if (at + ENTRY_BYTES > directory.length || directory.readUInt32LE(at) !== ENTRY) {
        throw this.#invalid("its directory is damaged");
      }
      const nameBytes = directory.readUInt16LE(at + 28);
      const next =
        at + ENTRY_BYTES + nameBytes + directory.readUInt16LE(at + 30) + directory.readUInt16LE(at + 32);
      const name = directory.toString("utf8", at + ENTRY_BYTES, at + ENTRY_BYTES + nameBytes);
      if ((directory.readUInt16LE(at + 8) & ENCRYPTED) !== 0) throw this.#invalid(`${name} is encrypted`);
      entries.set(name, {
        name,
        method: directory.readUInt16LE(at + 10),
        crc: directory.readUInt32LE(at + 16),
        storedBytes: directory.readUInt32LE(at + 20),
        bytes: directory.readUInt32LE(at + 24),
        offset: directory.readUInt32LE(at + 42),
      });
      at = next;
    }
    return entries;
  }

  #at(offset: number, length: number): Buffer {
    const bytes = Buffer.alloc(length);
    if (readSync(this.#file, bytes, 0, length, offset) < length) throw this.#invalid("it was cut short");
    return bytes;
  }

  #invalid(why: string, cause?: unknown): CounterfoilError {
    return new CounterfoilError("CF_IMPORT_FILE_INVALID", `Can't import ${this.#path}: ${why}.`, { cause });
  }
}
