import { firstMember, isObject, type Json, type JsonObject, jsonToText, member } from "../json.js";

const DATA_URL = /^data:([^;,]*)(?:;[^,]*)?;base64,/;
/** Content types whose modality is not the part before the slash. */
const DOCUMENT = /^(?:application|text)\//;

/**
 * Images, audio, video and files as the conventions' `blob` (base64 inside), `uri` (an address) or `file` (an id at the
 * provider). Undefined when the block names none of them.
 */
export function mediaPart(block: JsonObject, type: string): JsonObject | undefined {
  // {image: {format, source: {bytes}}} (Bedrock), {inlineData: {mimeType, data}} (Gemini), {image_url: {url}} (OpenAI)
  const named = firstMember(block, type, "image_url", "input_audio", "file", "source");
  const inner = isObject(named) ? named : block;
  const source = member(inner, "source");
  const holder = isObject(source) ? source : inner;
  const mime = mimeType(block, inner, holder);
  const content = firstMember(holder, "data", "bytes", "content", "file_data", "base64", "image", "audio");
  const address =
    firstMember(holder, "url", "uri", "fileUri", "file_uri") ?? addressOf(named) ?? addressOf(content);
  const modality = modalityOf(type, mime);
  const id = firstMember(holder, "file_id") ?? firstMember(block, "file_id");
  if (typeof address === "string") {
    const data = DATA_URL.exec(address);
    if (data !== null) return blob(modality, data[1] || mime, address.slice(data[0].length));
    return { type: "uri", modality, ...(mime === undefined ? {} : { mime_type: mime }), uri: address };
  }
  if (typeof content === "string") return blob(modality, mime, content);
  if (id !== undefined)
    return {
      type: "file",
      modality,
      ...(mime === undefined ? {} : { mime_type: mime }),
      file_id: jsonToText(id),
    };
  return undefined;
}

function blob(modality: string, mime: string | undefined, content: string): JsonObject {
  return { type: "blob", modality, ...(mime === undefined ? {} : { mime_type: mime }), content };
}

function addressOf(value: Json | undefined): string | undefined {
  return typeof value === "string" && /^(?:https?|gs|s3|data):/.test(value) ? value : undefined;
}

function mimeType(...places: readonly JsonObject[]): string | undefined {
  for (const place of places) {
    const found = firstMember(place, "mime_type", "mimeType", "media_type", "mediaType", "contentType");
    if (typeof found === "string") return found;
  }
  for (const place of places) {
    const format = firstMember(place, "format");
    if (typeof format === "string") return FORMATS.get(format) ?? `image/${format}`;
  }
  return undefined;
}

const FORMATS: ReadonlyMap<string, string> = new Map([
  ["pdf", "application/pdf"],
  ["wav", "audio/wav"],
  ["mp3", "audio/mpeg"],
  ["mp4", "video/mp4"],
  ["txt", "text/plain"],
  ["md", "text/markdown"],
  ["csv", "text/csv"],
]);

function modalityOf(type: string, mime: string | undefined): string {
  if (mime !== undefined && !DOCUMENT.test(mime)) {
    const kind = mime.split("/")[0];
    if (kind !== undefined && kind !== "" && kind !== "*") return kind;
  }
  if (/image/.test(type)) return "image";
  if (/audio/.test(type)) return "audio";
  return /video/.test(type) ? "video" : "document";
}
