import { existsSync, readdirSync, readFileSync, realpathSync, statSync } from "node:fs";
import { join, sep } from "node:path";
import { parse } from "yaml";
import { DATASET_FILES_MAX, errorMessage } from "../../../schema/index.js";
import { invalidFile } from "../invalid-file.js";
import { formatOfName, type RowFile } from "./file-rows.js";

/** One configuration of a dataset, as the head of its `README.md` has it. */
interface Config {
  readonly config_name?: unknown;
  readonly data_files?: unknown;
  readonly data_dir?: unknown;
  readonly default?: unknown;
}

const TRAIN = "train";
/** Each may try all that is left of a name. */
const WILDCARDS_MAX = 8;
/** Names that Hugging Face takes for a split. */
const SPLIT_WORDS = new Map([
  ["train", "train"],
  ["training", "train"],
  ["test", "test"],
  ["testing", "test"],
  ["eval", "test"],
  ["evaluation", "test"],
  ["validation", "validation"],
  ["valid", "validation"],
  ["val", "validation"],
  ["dev", "validation"],
]);

/**
 * The files of a dataset in Hugging Face's layout, with their splits: as the head of `README.md` says, else by names
 * (`data/train-00000-of-00001.parquet`, `test.jsonl`, `train/0.csv`). Nothing outside of the folder is taken. Throws
 * CF_IMPORT_FILE_INVALID.
 */
export function huggingFaceFiles(folder: string, config: string | undefined): RowFile[] {
  const names = filesBelow(folder);
  const chosen = configOf(folder, config);
  const files = chosen === undefined ? byNames(names) : byConfig(folder, names, chosen);
  if (files.length === 0) {
    throw invalidFile(
      folder,
      "it has no .csv, .jsonl, .json or .parquet file that its README.md or their names tell of",
    );
  }
  return files.map(({ path, split }) => ({ path: join(folder, path), split }));
}

function filesBelow(folder: string): string[] {
  const root = realpathSync(folder);
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((name) => name.split(sep).join("/"))
    .filter((name) => formatOfName(name) !== undefined && !/(^|\/)\./.test(name))
    .sort();
  if (names.length > DATASET_FILES_MAX)
    throw invalidFile(folder, `it has more than ${DATASET_FILES_MAX} files`);
  // A link may point anywhere on this machine.
  return names.filter((name) => {
    const path = join(folder, name);
    return existsSync(path) && statSync(path).isFile() && realpathSync(path).startsWith(root + sep);
  });
}

function configOf(folder: string, wanted: string | undefined): Config | undefined {
  const path = join(folder, "README.md");
  const head = existsSync(path)
    ? /^---\r?\n([\s\S]*?)\r?\n---/.exec(readFileSync(path, "utf8"))?.[1]
    : undefined;
  let configs: unknown;
  try {
    configs = head === undefined ? undefined : (parse(head) as { configs?: unknown } | null)?.configs;
  } catch (error) {
    throw invalidFile(path, `its head is no YAML: ${errorMessage(error).split("\n")[0] ?? ""}`, error);
  }
  const list = (Array.isArray(configs) ? configs : []) as readonly Config[];
  if (list.length === 0) {
    if (wanted === undefined) return undefined;
    throw invalidFile(folder, `its README.md names no config ${JSON.stringify(wanted)}`);
  }
  const name = ({ config_name: given }: Config): string => (typeof given === "string" ? given : "default");
  const found =
    wanted === undefined
      ? list.length === 1
        ? list[0]
        : list.find((each) => each.default === true || name(each) === "default")
      : list.find((each) => name(each) === wanted);
  if (found !== undefined) return found;
  throw invalidFile(folder, `say which of its configs with --config: ${list.map(name).join(", ")}`);
}

interface Named {
  readonly path: string;
  readonly split: string | undefined;
}

function byConfig(folder: string, names: readonly string[], config: Config): Named[] {
  const { data_files: given, data_dir: below } = config;
  const prefix = typeof below === "string" ? `${below.replace(/^\.\//, "").replace(/\/$/, "")}/` : "";
  if (given === undefined) {
    const inDir = names.filter((name) => name.startsWith(prefix));
    return byNames(inDir);
  }
  const files: Named[] = [];
  for (const { split, pattern } of patternsOf(folder, given)) {
    if ((pattern.match(/[*?{]/g)?.length ?? 0) > WILDCARDS_MAX) {
      throw invalidFile(
        folder,
        `${JSON.stringify(pattern.slice(0, 100))} has more than ${WILDCARDS_MAX} wildcards`,
      );
    }
    const wanted = globOf(prefix + pattern.replace(/^\.\//, ""));
    const matching = names.filter((name) => wanted.test(name));
    if (matching.length === 0) throw invalidFile(folder, `it has no file ${JSON.stringify(pattern)}`);
    files.push(...matching.map((path) => ({ path, split })));
  }
  return files;
}

/** `data_files` is a path, a list of paths, or a list of splits with their paths. */
function patternsOf(folder: string, given: unknown): { split: string | undefined; pattern: string }[] {
  const items = Array.isArray(given) ? (given as readonly unknown[]) : [given];
  return items.flatMap((item) => {
    if (typeof item === "string") return [{ split: TRAIN, pattern: item }];
    const { split, path } = (item ?? {}) as { split?: unknown; path?: unknown };
    const paths = Array.isArray(path) ? (path as readonly unknown[]) : [path];
    if (typeof split !== "string" || !paths.every((each) => typeof each === "string")) {
      throw invalidFile(folder, "data_files of its README.md is no list of paths, or of splits with paths");
    }
    return paths.map((pattern) => ({ split, pattern }));
  });
}

/** By the split's word in a folder's or a file's name; without any, everything is `train`, as Hugging Face has it. */
function byNames(names: readonly string[]): Named[] {
  const files = names.map((path) => ({ path, split: splitInName(path) }));
  return files.some(({ split }) => split !== undefined)
    ? files.filter(({ split }) => split !== undefined)
    : files.map(({ path }) => ({ path, split: TRAIN }));
}

function splitInName(path: string): string | undefined {
  // `data/<any split>-00000-of-00001.parquet`
  const sharded = /(?:^|\/)(\w+(?:\.\w+)*)-\d{5}-of-\d{5}\.\w+$/.exec(path)?.[1];
  if (sharded !== undefined) return sharded;
  const words = path.replace(/\.\w+$/, "").split(/[^A-Za-z]+/);
  return words.map((word) => SPLIT_WORDS.get(word.toLowerCase())).find((split) => split !== undefined);
}

/** `*` within a name, `**` over folders, `?` and `{a,b}` as shells have them. */
function globOf(pattern: string): RegExp {
  const source = pattern.replaceAll(/\*\*\/|\*\*|\*|\?|\{[^{}]*\}|[\\^$.|+()[\]{}]/g, (found) => {
    if (found === "**/") return "(?:.*/)?";
    if (found === "**") return ".*";
    if (found === "*") return "[^/]*";
    if (found === "?") return "[^/]";
    if (found.length > 1) {
      const words = found.slice(1, -1).split(",");
      return `(?:${words.map((word) => word.replaceAll(/[\\^$.|+()[\]{}*?]/g, String.raw`\$&`)).join("|")})`;
    }
    return `\\${found}`;
  });
  return new RegExp(`^${source}$`);
}
