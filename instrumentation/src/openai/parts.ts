import { arrayOf, fieldOf, isObject, stringOf, type JsonObject } from "../json.js";
import type { Part } from "../messages.js";

/** The `content` of a chat-completions or Responses message as parts. An unknown part is kept as it is. */
export function chatContentToParts(content: unknown): readonly Part[] {
  if (typeof content === "string") return content === "" ? [] : [{ type: "text", content }];
  return arrayOf(content).map((part) =>
    typeof part === "string" ? { type: "text", content: part } : contentPart(isObject(part) ? part : {}),
  );
}

function contentPart(part: JsonObject): Part {
  switch (part["type"]) {
    case "text":
    case "input_text":
    case "output_text":
    case "summary_text":
      return { type: "text", content: stringOf(part["text"]) ?? "" };
    case "refusal":
      return { type: "refusal", content: stringOf(part["refusal"]) ?? "" };
    case "image_url":
      return urlPart("image", fieldOf(part["image_url"], "url") ?? part["image_url"]);
    case "input_image":
      return part["file_id"] === undefined
        ? urlPart("image", part["image_url"])
        : { type: "file", modality: "image", file_id: part["file_id"] };
    case "input_audio":
      return audioPart(isObject(part["input_audio"]) ? part["input_audio"] : part);
    case "file":
      return filePart(isObject(part["file"]) ? part["file"] : part);
    case "input_file":
      return filePart(part);
    default:
      return { ...part, type: stringOf(part["type"]) ?? "generic" };
  }
}

/** A `data:` URL is a blob; any other URL stays one. */
export function urlPart(modality: string, url: unknown): Part {
  const text = stringOf(url) ?? "";
  const data = /^data:([^;,]*)(?:;[^,]*)?;base64,/.exec(text);
  if (data === null) return { type: "uri", modality, uri: text };
  return { type: "blob", modality, mime_type: data[1], content: text.slice(data[0].length) };
}

function audioPart(audio: JsonObject): Part {
  const format = stringOf(audio["format"]);
  return {
    type: "blob",
    modality: "audio",
    ...(format === undefined ? {} : { mime_type: `audio/${format}` }),
    content: stringOf(audio["data"]) ?? "",
  };
}

function filePart(file: JsonObject): Part {
  const name = stringOf(file["filename"]);
  const named = name === undefined ? {} : { filename: name };
  if (file["file_id"] !== undefined) {
    return { type: "file", modality: "document", file_id: file["file_id"], ...named };
  }
  return { ...urlPart("document", file["file_data"] ?? file["file_url"]), ...named };
}
