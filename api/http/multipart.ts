import { CounterfoilError, MULTIPART_HEADER_BYTES_MAX, MULTIPART_PARTS_MAX } from "../../schema/index.js";

/** What the headers of a part say. */
interface PartHead {
  readonly name: string;
  readonly filename?: string | undefined;
  /** Without parameters, lower case; empty when the part has none. */
  readonly contentType: string;
}

/** Where a name is in the body: it is made only when it is asked for, as that costs more than the rest. */
class UsualHead implements PartHead {
  readonly contentType = "application/json";

  constructor(
    readonly body: Buffer,
    readonly nameStart: number,
    readonly nameEnd: number,
  ) {}

  get name(): string {
    return this.body.toString("latin1", this.nameStart, this.nameEnd);
  }
}

/** One part of a multipart/form-data body. */
export class Part {
  constructor(
    readonly head: PartHead,
    /** The request's body, and where this part's content is in it. */
    readonly body: Buffer,
    readonly start: number,
    readonly end: number,
  ) {}

  get name(): string {
    return this.head.name;
  }

  /** Where its name is in the body, in ASCII; undefined when it may stand there in another form. */
  get nameRange(): { readonly nameStart: number; readonly nameEnd: number } | undefined {
    return this.head instanceof UsualHead ? this.head : undefined;
  }

  get filename(): string | undefined {
    return this.head.filename;
  }

  get contentType(): string {
    return this.head.contentType;
  }

  /** A view of the request's body. */
  get content(): Buffer {
    return this.body.subarray(this.start, this.end);
  }
}

const CRLF2 = Buffer.from("\r\n\r\n");

/**
 * Splits a multipart/form-data body (RFC 7578). Nothing is copied: each part is a view. Throws CF_REQUEST_INVALID for
 * a body that is not what its Content-Type says, is cut off, or passes the bounds on parts and their headers.
 */
export function* multipartParts(body: Uint8Array, contentType: string | undefined): Generator<Part> {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const boundary = boundaryOf(contentType);
  const delimiter = Buffer.from(`\r\n--${boundary}`);
  let at = bytes.indexOf(`--${boundary}`);
  if (at !== 0 && (at < 2 || bytes.toString("latin1", at - 2, at) !== "\r\n")) {
    throw invalid("its first boundary is missing");
  }
  at += boundary.length + 2;
  for (let count = 0; ; count++) {
    if (isAt(bytes, at, DASH, DASH)) return;
    if (count === MULTIPART_PARTS_MAX) throw invalid(`it has more than ${MULTIPART_PARTS_MAX} parts`);
    // Spaces may follow a boundary (RFC 2046).
    while (bytes[at] === 32 || bytes[at] === 9) at++;
    if (!isAt(bytes, at, CR, LF)) throw invalid("it is cut off");
    const usual = usualPart(bytes, at + 2, delimiter);
    if (usual !== undefined) {
      yield usual;
      at = usual.end + delimiter.length;
      continue;
    }
    const head = isAt(bytes, at + 2, CR, LF) ? at : bytes.indexOf(CRLF2, at + 2);
    if (head < 0 || head - at > MULTIPART_HEADER_BYTES_MAX) throw invalid("the headers of a part do not end");
    const start = head === at ? at + 4 : head + CRLF2.length;
    const end = bytes.indexOf(delimiter, start - 2);
    if (end < 0) throw invalid("it is cut off");
    yield new Part(headOf(bytes.toString("utf8", at + 2, head)), bytes, start, Math.max(start, end));
    at = end + delimiter.length;
  }
}

const [DASH, CR, LF] = [45, 13, 10];

function isAt(bytes: Buffer, at: number, first: number, second: number): boolean {
  return bytes[at] === first && bytes[at + 1] === second;
}

function boundaryOf(contentType: string | undefined): string {
  const match = /^\s*multipart\/form-data\s*;.*?boundary=(?:"([^"]{1,200})"|([^\s;]{1,200}))/is.exec(
    contentType ?? "",
  );
  const boundary = match?.[1] ?? match?.[2];
  if (boundary !== undefined) return boundary;
  throw new CounterfoilError(
    "CF_REQUEST_INVALID",
    "Content-Type must be multipart/form-data with a boundary.",
  );
}

/** Headers as LangSmith's SDKs write them: to the byte, and with the length of the part. */
const NAME_HEAD = Buffer.from('Content-Disposition: form-data; name="');
const TYPE_HEAD = Buffer.from('"\r\nContent-Type: application/json; length=');

/**
 * The part whose headers start there, when they are just those that LangSmith's SDKs write and the part is as long as they
 * say: nothing needs to be searched for then. Undefined for any other.
 */
function usualPart(bytes: Buffer, at: number, delimiter: Buffer): Part | undefined {
  if (!startsWith(bytes, at, NAME_HEAD)) return undefined;
  const name = at + NAME_HEAD.length;
  let nameEnd = name;
  while (NAME_BYTES[bytes[nameEnd] as number] === 1) nameEnd++;
  if (nameEnd - name > MULTIPART_HEADER_BYTES_MAX || !startsWith(bytes, nameEnd, TYPE_HEAD)) return undefined;
  let start = nameEnd + TYPE_HEAD.length;
  let length = 0;
  for (let digit = start; ; digit++) {
    const value = (bytes[digit] as number) - 48;
    if (value >= 0 && value <= 9 && digit - start < LENGTH_DIGITS_MAX) length = length * 10 + value;
    else {
      start = digit;
      break;
    }
  }
  if (!startsWith(bytes, start, CRLF2)) return undefined;
  start += CRLF2.length;
  // No delimiter can be inside, as a line break and two dashes are in no JSON: whoever reads the part finds that out.
  if (!startsWith(bytes, start + length, delimiter)) return undefined;
  return new Part(new UsualHead(bytes, name, nameEnd), bytes, start, start + length);
}

const LENGTH_DIGITS_MAX = 10;
/** Letters, digits, and what else the names of runs' parts have. */
const NAME_BYTES = new Uint8Array(256);
for (const char of "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._") {
  NAME_BYTES[char.charCodeAt(0)] = 1;
}

function startsWith(bytes: Uint8Array, at: number, text: Uint8Array): boolean {
  for (let index = 0; index < text.length; index++) if (bytes[at + index] !== text[index]) return false;
  return true;
}

/** As browsers write a part without a file's name: one pattern instead of taking the lines apart. */
const USUAL =
  /^content-disposition: form-data; name="([^"\\%\r]*)"(?:\r\ncontent-type: ([\w.+/-]*)(?:;[^\r]*)?)?(?:\r\ncontent-length: \d+)?$/i;

function headOf(head: string): PartHead {
  const [, usual, type = ""] = USUAL.exec(head) ?? [];
  if (usual !== undefined) return { name: usual, contentType: type.toLowerCase() };
  let name: string | undefined;
  let filename: string | undefined;
  let contentType = "";
  for (const line of head.split("\r\n")) {
    const colon = line.indexOf(":");
    const field = line.slice(0, colon).trim().toLowerCase();
    const value = line.slice(colon + 1).trim();
    if (field === "content-disposition") {
      name = parameter(value, NAME);
      filename = parameter(value, FILENAME);
    } else if (field === "content-type") contentType = (value.split(";", 1)[0] ?? "").trim().toLowerCase();
    else if (field === "content-encoding") throw invalid("a part has a Content-Encoding of its own");
  }
  if (name === undefined) throw invalid("a part has no name");
  return { name, filename, contentType };
}

const NAME = parameterPattern("name");
const FILENAME = parameterPattern("filename");

function parameterPattern(name: string): RegExp {
  return new RegExp(`;\\s*${name}=(?:"((?:[^"\\\\]|\\\\.)*)"|([^;\\s]*))`, "i");
}

/** Clients write a quote in a name as `%22` (browsers) or `\"`. */
function parameter(disposition: string, pattern: RegExp): string | undefined {
  const match = pattern.exec(disposition);
  const value = match?.[1] ?? match?.[2];
  return value?.replace(/\\(["\\])/g, "$1").replaceAll("%22", '"');
}

function invalid(why: string): CounterfoilError {
  return new CounterfoilError("CF_REQUEST_INVALID", `The multipart body is not valid: ${why}.`);
}
