import type { JsonObject } from "../../schema/index.js";

/** A dataset, current state. */
export interface Dataset {
  readonly id: string;
  readonly data: JsonObject;
  /** RFC 3339 of its last change. */
  readonly modifiedAt: string;
  readonly exampleCount: number;
  /** Experiments over it. */
  readonly experimentCount: number;
}

/** A file of an example; `content` is base64. */
export interface ExampleFile {
  readonly name: string;
  readonly mime_type: string;
  readonly content: string;
}

/** An example at some version. */
export interface Example {
  readonly id: string;
  readonly datasetId: string;
  /** As in the record type `example`. */
  readonly data: JsonObject;
  readonly modifiedAt: string;
}

/** A version: the time of a change of examples, and the tags that name it. */
export interface DatasetVersion {
  readonly asOf: string;
  readonly tags: readonly string[];
}

/** Which examples to list. */
export interface ExampleFilter {
  readonly datasetId?: string;
  readonly ids?: readonly string[];
  /** A time or a tag; the newest version by default. A tag needs the dataset. */
  readonly asOf?: string;
  /** Any of these splits. */
  readonly splits?: readonly string[];
  /** Every entry must be equal. */
  readonly metadata?: JsonObject;
  /** LangSmith's filter language, over metadata: `exists(metadata, "k")`, `has(metadata, '{"k": "v"}')`, ... */
  readonly filter?: string;
  readonly limit: number;
  readonly offset: number;
}

/** Examples that differ between two versions, by id. */
export interface VersionDiff {
  readonly added: readonly string[];
  readonly modified: readonly string[];
  readonly removed: readonly string[];
}

/** A new example, and a change of one: absent fields stay. */
export interface ExampleDraft {
  readonly id?: string;
  readonly data: JsonObject;
}

/** How {@link ExampleDraft}s change the files of an example that is there. */
export interface ExampleChange {
  readonly id: string;
  readonly data: JsonObject;
  /** New names by old ones, and names that stay; without it all stay. Files that come with the change are added. */
  readonly files?: { readonly rename: Readonly<Record<string, string>>; readonly retain: readonly string[] };
  readonly added?: readonly ExampleFile[];
}
