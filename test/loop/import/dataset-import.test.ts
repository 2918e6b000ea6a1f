import { mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  type DatasetImportReport,
  type Example,
  examplesToHuggingFace,
  examplesToJsonl,
  huggingFaceFiles,
  importDataset,
  readRows,
  type RowFile,
} from "../../../loop/index.js";
import { exampleOfRow } from "../../../loop/import/datasets/example-of-row.js";
import { exampleHash, type JsonObject, versionHash } from "../../../schema/index.js";
import { createMirrorReader, type MirrorReader, openFileEngine } from "../../../store/index.js";
import { bundleFolder, doorOf } from "../../support/estate.js";
import { MirrorHarness } from "../../support/mirror-harness.js";
import { appendChanges, put } from "../../support/records.js";

const folder = bundleFolder();
let harness: MirrorHarness;
let reader: MirrorReader;

beforeAll(async () => {
  harness = await MirrorHarness.open();
  reader = createMirrorReader({ dataDir: harness.dir });
});
afterAll(async () => {
  await reader.close();
  await harness.close();
  folder.remove();
});

const AUTO = { shape: "auto", inputs: [], outputs: [], metadata: [] } as const;
type Given = Partial<Parameters<typeof importDataset>[0]>;

async function take(
  dataset: string,
  files: readonly RowFile[],
  given: Given = {},
): Promise<DatasetImportReport> {
  return importDataset({
    dataset,
    rows: await readRows(files, { dataDir: harness.dir }),
    mapping: AUTO,
    skipInvalid: false,
    dryRun: false,
    read: (sql, params) => reader.query(sql, params),
    door: doorOf(harness),
    ...given,
  });
}

function file(name: string, text: string): RowFile {
  const path = join(folder.path, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  return { path };
}

const lines = (...rows: readonly unknown[]): string => rows.map((row) => `${JSON.stringify(row)}\n`).join("");

async function examples(dataset: string): Promise<JsonObject[]> {
  const rows = await reader.query(
    `SELECT e.data FROM examples AS e JOIN datasets AS d ON d.id = e.dataset_id WHERE d.name = $1
     ORDER BY e.inputs, e.id`,
    [dataset],
  );
  return rows.map(({ data }) => JSON.parse(data as string) as JsonObject);
}

describe("a dataset that was written as a file", () => {
  const anExample = fc.record(
    {
      inputs: fc.dictionary(fc.string({ maxLength: 4 }), fc.jsonValue({ maxDepth: 1 }), { maxKeys: 3 }),
      outputs: fc.option(
        fc.dictionary(fc.string({ maxLength: 4 }), fc.jsonValue({ maxDepth: 1 }), { maxKeys: 2 }),
      ),
      splits: fc.option(
        fc.uniqueArray(fc.constantFrom("train", "must not/regress", "test"), { minLength: 1 }),
      ),
    },
    { requiredKeys: ["inputs", "outputs", "splits"] },
  );

  it("comes back as JSON Lines and as a Hugging Face folder with the same content hash; again adds nothing", async () => {
    let round = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(anExample, { minLength: 1, maxLength: 5 }), async (drafts) => {
        const name = `round ${++round}`;
        const written = drafts.map(({ inputs, outputs, splits }, n): Example => ({
          id: `${String(round).padStart(8, "0")}-0000-4000-8000-${String(n).padStart(12, "0")}`,
          datasetId: "",
          modifiedAt: "",
          data: JSON.parse(
            JSON.stringify({ inputs, outputs, metadata: splits === null ? null : { dataset_split: splits } }),
          ) as JsonObject,
        }));
        const oracle = versionHash(written.map(({ data }) => exampleHash(data)));
        const jsonl = file(`${name}.jsonl`, examplesToJsonl(written));
        expect(await take(name, [jsonl])).toMatchObject({
          created: true,
          version: oracle,
          added: drafts.length,
        });
        const again = await take(name, [jsonl]);
        expect(again).toMatchObject({ created: false, version: oracle, added: 0, unchanged: drafts.length });
        for (const [path, text] of examplesToHuggingFace({ name }, written)) file(`${name}/${path}`, text);
        // The ids are those of examples of another dataset by now.
        const copy = await take(`${name} copy`, huggingFaceFiles(join(folder.path, name), undefined));
        expect(copy).toMatchObject({ version: oracle, added: drafts.length });
      }),
      { numRuns: 4 },
    );
  });
});

describe("rows become examples", () => {
  const user = { role: "user", content: "hi" };
  const answer = { role: "assistant", content: "yo" };
  it.each<[string, JsonObject, JsonObject]>([
    [
      "OpenAI's fine-tuning",
      { messages: [user, answer], tools: [{ type: "function" }] },
      { inputs: { messages: [user], tools: [{ type: "function" }] }, outputs: { message: answer } },
    ],
    ["a conversation that nobody answered", { messages: [user] }, { inputs: { messages: [user] } }],
    [
      "OpenAI's preferences",
      { input: { messages: [user] }, preferred_output: [answer], non_preferred_output: [user] },
      {
        inputs: { messages: [user] },
        outputs: { message: answer },
        metadata: { non_preferred_output: [user] },
      },
    ],
    [
      "a completion",
      { prompt: "a", completion: "b" },
      { inputs: { prompt: "a" }, outputs: { completion: "b" } },
    ],
    [
      "OpenAI's evals",
      { input: [user], ideal: ["yo", "hey"] },
      { inputs: { messages: [user] }, outputs: { ideal: ["yo", "hey"] } },
    ],
    [
      "LangSmith's examples, with their split",
      { inputs: { q: 1 }, outputs: null, metadata: { a: 1 }, split: "test" },
      { inputs: { q: 1 }, metadata: { a: 1, dataset_split: ["test"] } },
    ],
    [
      "columns of CSV that export dataset wrote",
      { id: "", "inputs.q": "1", "inputs.r": "", "outputs.a": "2", metadata: '{"k":1}' },
      { inputs: { q: "1" }, outputs: { a: "2" }, metadata: { k: 1 } },
    ],
  ])("of %s", (_what, row, data) => {
    expect(exampleOfRow(row, AUTO, undefined)).toEqual({ data });
  });

  it("by the columns that the user names, from CSV and Parquet alike, in the split that was asked for", async () => {
    const mapping = { ...AUTO, inputs: ["question"], outputs: ["answer"], metadata: ["lang"] };
    const csv = file("faq.csv", 'question,answer,lang\n"a, b?",no,en\n');
    const parquet = join(folder.path, "faq.parquet");
    const engine = await openFileEngine(harness.dir);
    await engine.run(
      `COPY (SELECT 'a, b?' AS question, 'no' AS answer, 'en' AS lang) TO '${parquet}' (FORMAT parquet)`,
    );
    engine.close();
    const first = await take("faq", [csv], { mapping, split: "train" });
    const second = await take("faq p", [{ path: parquet }], { mapping, split: "train" });
    expect(second.version).toBe(first.version);
    expect(await examples("faq")).toMatchObject([
      {
        inputs: { question: "a, b?" },
        outputs: { answer: "no" },
        metadata: { lang: "en", dataset_split: ["train"] },
      },
    ]);
  });
});

describe("an import of a dataset", () => {
  it("stores nothing when one row can't be taken, and says which; without such rows when asked, and counts them", async () => {
    const bad = file(
      "bad.jsonl",
      `${lines({ inputs: { q: 1 } })}nope\n[1]\n${lines({ foo: 1 }, { inputs: 3 })}`,
    );
    await expect(take("strict", [bad])).rejects.toMatchObject({
      code: "CF_IMPORT_FILE_INVALID",
      message: expect.stringMatching(/^4 rows can't be examples:\n {2}\S*bad.jsonl line 2: it is no JSON\n/),
    });
    expect(await reader.query("SELECT id FROM datasets WHERE name = 'strict'")).toEqual([]);
    const dry = await take("strict", [bad], { skipInvalid: true, dryRun: true });
    expect(await reader.query("SELECT id FROM datasets WHERE name = 'strict'")).toEqual([]);
    const report = await take("strict", [bad], { skipInvalid: true });
    expect(report).toEqual(dry);
    expect(report).toMatchObject({ found: 5, added: 1, created: true });
    expect(report.skipped.map(({ count }) => count)).toEqual([1, 1, 1, 1]);
  });

  it("changes what it knows by id, leaves what was changed or deleted here, and keeps to the dataset's JSON Schema", async () => {
    const id = "22222222-2222-4222-8222-222222222222";
    const first = file(
      "first.jsonl",
      lines({ id, inputs: { q: "x" } }, { inputs: { q: "y" } }, { inputs: { q: "y" } }),
    );
    expect(await take("live", [first])).toMatchObject({ added: 3 });
    const [dataset] = await reader.query("SELECT id FROM datasets WHERE name = 'live'");
    const dataset_id = dataset?.["id"] as string;
    const others = await reader.query(
      "SELECT id FROM examples WHERE dataset_id = $1 AND id <> $2 ORDER BY id",
      [dataset_id, id],
    );
    const [edited, deleted] = others.map((row) => row["id"] as string);
    const time = new Date().toISOString();
    await appendChanges(harness, [
      { ...put(edited ?? "", { dataset_id, inputs: { q: "mended" } }, { type: "example" }), time },
      { ...put(deleted ?? "", {}, { type: "example" }), time, op: "delete", data: null },
      put(dataset_id, { name: "live", inputs_schema_definition: { required: ["q"] } }, { type: "dataset" }),
    ]);
    const second = file(
      "second.jsonl",
      lines({ id, inputs: { q: "z" } }, { inputs: { q: "y" } }, { inputs: { q: "y" } }),
    );
    expect(await take("live", [second])).toMatchObject({ added: 0, modified: 1, unchanged: 2 });
    expect((await examples("live")).map(({ inputs }) => inputs)).toEqual([{ q: "mended" }, { q: "z" }]);
    await expect(take("live", [file("schema.jsonl", lines({ inputs: { p: 1 } }))])).rejects.toThrow(
      "the dataset's JSON Schema: inputs.q is missing",
    );
  });

  it("refuses files that are not what they say, by name and reason", async () => {
    const refusal = (given: RowFile): Promise<string> =>
      readRows([given], { dataDir: harness.dir }).then(
        () => "taken",
        (error: unknown) => (error as Error).message,
      );
    expect(await refusal(file("no.parquet", "PAR1, but not really"))).toMatch(/does not begin as a Parquet/);
    expect(await refusal(file("cut.parquet", "PAR1xxxxPAR1"))).toMatch(
      /^Can't import .*cut\.parquet: [^\n]+\.$/,
    );
    expect(await refusal(file("latin.csv", "a\n"))).toBe("taken");
    writeFileSync(join(folder.path, "latin.csv"), Buffer.from([97, 10, 0xe4]));
    expect(await refusal({ path: join(folder.path, "latin.csv") })).toMatch(/its text is not UTF-8/);
    expect(await refusal(file("twice.csv", "a,a\n1,2\n"))).toMatch(/has "a" twice/);
    expect(await refusal(file("open.csv", 'a\n"1'))).toMatch(/a quote is never closed\.$/);
    expect(await refusal(file("what.txt", ""))).toMatch(/say --format/);
    expect(await refusal({ path: join(folder.path, "none.csv") })).toMatch(/^There is no file/);
  });
});

describe("a folder in Hugging Face's layout", () => {
  const found = (name: string, config?: string): string[] =>
    huggingFaceFiles(join(folder.path, name), config).map(
      ({ path, split }) => `${split}: ${path.slice(join(folder.path, name).length + 1)}`,
    );

  it("has the files of a config's splits, with wildcards, or those that names tell of", () => {
    const head = `configs:\n- config_name: a\n  data_files:\n  - split: train\n    path: ["x/*.csv", y/**/z.csv]\n- config_name: b\n  data_files: one.csv\n`;
    for (const path of ["x/1.csv", "x/2.csv", "x/3.txt", "y/z.csv", "y/k/l/z.csv", "one.csv"])
      file(`hf/${path}`, "");
    file("hf/README.md", `---\n${head}---\n`);
    expect(found("hf", "a")).toEqual(
      ["x/1.csv", "x/2.csv", "y/k/l/z.csv", "y/z.csv"].map((path) => `train: ${path}`),
    );
    expect(found("hf", "b")).toEqual(["train: one.csv"]);
    expect(() => found("hf")).toThrow("say which of its configs with --config: a, b");
    rmSync(join(folder.path, "hf/README.md"));
    file("hf3/constructor.csv", "");
    expect(found("hf3")).toEqual(["train: constructor.csv"]);
    for (const path of ["data/gold-00000-of-00002.parquet", "dev.jsonl", "test/7.csv"])
      file(`hf2/${path}`, "");
    expect(found("hf2")).toEqual([
      "gold: data/gold-00000-of-00002.parquet",
      "validation: dev.jsonl",
      "test: test/7.csv",
    ]);
  });

  it("never leaves the folder, by a path or by a link", () => {
    const secret = file("outside/secret.csv", "a\n1\n");
    file("hostile/README.md", "---\nconfigs:\n- config_name: a\n  data_files: ../outside/*.csv\n---\n");
    symlinkSync(secret.path, join(folder.path, "hostile/train.csv"));
    expect(() => found("hostile")).toThrow('it has no file "../outside/*.csv"');
    rmSync(join(folder.path, "hostile/README.md"));
    expect(() => found("hostile")).toThrow("it has no .csv");
    file("hostile/README.md", `---\nconfigs:\n- data_files: "${"*a".repeat(30)}"\n---\n`);
    expect(() => found("hostile")).toThrow("more than 8 wildcards");
  });
});
