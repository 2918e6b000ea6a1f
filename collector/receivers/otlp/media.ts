import type { PayloadEncoding } from "../../../journal/index.js";
import { CounterfoilError } from "../../../schema/index.js";
import { ACCEPTED_ENCODINGS } from "../../ingest/decompress.js";

/** The two body formats of OTLP/HTTP. */
export type Format = "protobuf" | "json";

/** The media type that each format is answered with. */
export const MEDIA_TYPES: Readonly<Record<Format, string>> = {
  protobuf: "application/x-protobuf",
  json: "application/json",
};

/**
 * The format that a Content-Type names. Parameters are allowed; a charset other than UTF-8 is not, because JSON text
 * is UTF-8 (RFC 8259). Undefined when it is neither format.
 */
export function formatOf(contentType: string | undefined): Format | undefined {
  // What every SDK sends.
  if (contentType === MEDIA_TYPES.protobuf) return "protobuf";
  const [type = "", ...parameters] = (contentType ?? "").split(";").map((part) => part.trim().toLowerCase());
  for (const parameter of parameters) {
    const charset = /^charset\s*=\s*"?([^"]*)"?$/.exec(parameter)?.[1];
    if (charset !== undefined && charset !== "utf-8" && charset !== "utf8") return undefined;
  }
  if (type === "application/x-protobuf" || type === "application/protobuf") return "protobuf";
  return type === "application/json" ? "json" : undefined;
}

/** The one content coding of a body. Throws CF_ENCODING_UNSUPPORTED for an unknown one or for several. */
export function encodingOf(contentEncoding: string | undefined): PayloadEncoding {
  if (contentEncoding === undefined) return "identity";
  const name = contentEncoding.trim().toLowerCase();
  if (name === "" || name === "identity") return "identity";
  if (name === "x-gzip") return "gzip";
  const known = ACCEPTED_ENCODINGS.find((encoding) => encoding === name);
  if (known !== undefined) return known;
  throw new CounterfoilError(
    "CF_ENCODING_UNSUPPORTED",
    `Content-Encoding must be one of ${ACCEPTED_ENCODINGS.join(", ")}, and only one.`,
  );
}
