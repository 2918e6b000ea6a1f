import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { bundleFolder } from "../support/estate.js";
import { MirrorHarness } from "../support/mirror-harness.js";
import { appendChanges, put } from "../support/records.js";
import { runCli } from "./run-cli.js";

const DATASET = "11111111-1111-4111-8111-111111111111";
const folder = bundleFolder();
let harness: MirrorHarness;

function example(id: string, question: string, splits: readonly string[]) {
  const data = {
    dataset_id: DATASET,
    inputs: { question },
    outputs: { answer: `=${question}` },
    metadata: { dataset_split: splits },
  };
  return put(id, data, { type: "example" });
}

beforeAll(async () => {
  harness = await MirrorHarness.open();
  await appendChanges(harness, [
    put(DATASET, { name: "golden: support", description: "What we know." }, { type: "dataset" }),
    example("e1", "one?", ["train"]),
    example("e2", "two?", ["train", "must not/regress"]),
  ]);
  await harness.mirror.flush(60_000);
});
afterAll(async () => {
  await harness.close();
  folder.remove();
});

const out = (name: string): string => join(folder.path, name);
const run = (...args: string[]) => runCli(["export", "dataset", ...args, "--data-dir", harness.dir]);

it("writes a folder that Hugging Face loads: a file for each split, named in the README's head", async () => {
  const written = await run("golden: support", "--format", "huggingface", "--out", out("hf"));
  expect(written).toMatchObject({ code: 0, stdout: `Wrote 2 examples to ${out("hf")}.\n` });
  expect(readdirSync(join(out("hf"), "data")).sort()).toEqual(["must_not_regress.jsonl", "train.jsonl"]);
  expect(readFileSync(join(out("hf"), "README.md"), "utf8")).toBe(`---
pretty_name: "golden: support"
configs:
  - config_name: default
    data_files:
      - split: must_not_regress
        path: data/must_not_regress.jsonl
      - split: train
        path: data/train.jsonl
---

# golden: support

What we know.
`);
  const lines = readFileSync(join(out("hf"), "data/train.jsonl"), "utf8")
    .trimEnd()
    .split("\n");
  expect(lines.map((line) => JSON.parse(line) as unknown)).toMatchObject([
    { id: "e1", inputs: { question: "one?" }, outputs: { answer: "=one?" } },
    { id: "e2" },
  ]);
});

it("writes one split for OpenAI's fine-tuning, by the dataset's id, and refuses what is there or is not", async () => {
  const file = out("chat.jsonl");
  expect(
    await run(DATASET, "--format", "openai-chat", "--split", "must not/regress", "--out", file),
  ).toMatchObject({
    code: 0,
  });
  expect(JSON.parse(readFileSync(file, "utf8"))).toEqual({
    messages: [
      { role: "user", content: "two?" },
      { role: "assistant", content: "=two?" },
    ],
  });
  expect(await run(DATASET, "--out", file)).toMatchObject({ code: 2 });
  expect(await run("no such", "--out", out("none"))).toMatchObject({ code: 5 });
  expect(existsSync(out("none"))).toBe(false);
});
