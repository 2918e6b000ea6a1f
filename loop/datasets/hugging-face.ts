import type { JsonValue } from "../../schema/index.js";
import { examplesToJsonl } from "./dataset-files.js";
import type { Example } from "./types.js";

const BASE_SPLIT = "base";

/**
 * A dataset in the layout that Hugging Face's `datasets` loads from a folder: `data/<split>.jsonl`, and a `README.md` whose head
 * names the splits. An example of several splits is in each. Texts of the files by their paths.
 */
export function examplesToHuggingFace(
  { name, description }: { readonly name: string; readonly description?: string | undefined },
  examples: readonly Example[],
): ReadonlyMap<string, string> {
  const bySplit = new Map<string, Example[]>();
  for (const example of examples) {
    for (const split of new Set(splitsOf(example.data["metadata"]).map(fileName))) {
      bySplit.set(split, [...(bySplit.get(split) ?? []), example]);
    }
  }
  const splits = [...bySplit.keys()].sort();
  const files = new Map(splits.map((split) => [pathOf(split), examplesToJsonl(bySplit.get(split) ?? [])]));
  const listed = splits.map((split) => `      - split: ${split}\n        path: ${pathOf(split)}\n`);
  const head =
    splits.length === 0 ? "" : `configs:\n  - config_name: default\n    data_files:\n${listed.join("")}`;
  // A text of JSON is one of YAML.
  const title = `pretty_name: ${JSON.stringify(name)}\n`;
  files.set("README.md", `---\n${title}${head}---\n\n# ${oneLine(name)}\n\n${description ?? ""}\n`);
  return files;
}

function pathOf(split: string): string {
  return `data/${split}.jsonl`;
}

/** Hugging Face's splits are words: letters, digits and _. */
function fileName(split: string): string {
  return split.replaceAll(/\W+/g, "_").slice(0, 100) || BASE_SPLIT;
}

function splitsOf(metadata: JsonValue | undefined): string[] {
  const given =
    typeof metadata === "object" && metadata !== null && !Array.isArray(metadata)
      ? (metadata as Readonly<Record<string, JsonValue>>)["dataset_split"]
      : undefined;
  const list = (Array.isArray(given) ? given : [given]) as readonly JsonValue[];
  const names = list.filter((each) => typeof each === "string" && each !== "") as string[];
  return names.length === 0 ? [BASE_SPLIT] : names;
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, " ");
}
