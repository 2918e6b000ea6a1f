import { expect, test } from "vitest";
import {
  type Example,
  examplesOfCsv,
  examplesToCsv,
  examplesToJsonl,
  examplesToOpenaiEvals,
  examplesToOpenaiFineTuning,
} from "../../../loop/index.js";
import { type JsonObject, parseCsv } from "../../../schema/index.js";

function example(id: string, data: JsonObject): Example {
  return { id, datasetId: "d", data, modifiedAt: "" };
}

function parsed(jsonl: string): unknown[] {
  return jsonl
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as unknown);
}

test("CSV has a column for each key, other values as JSON, and no cell that a spreadsheet would run", () => {
  const csv = examplesToCsv([
    example("1", { inputs: { q: "=HYPERLINK(1)", n: -5 }, outputs: { a: "x,y" } }),
    example("2", { inputs: { q: "plain", list: [1] }, metadata: { dataset_split: ["base"] } }),
  ]);
  expect(parseCsv(csv)).toEqual([
    ["id", "inputs.q", "inputs.n", "inputs.list", "outputs.a", "metadata"],
    ["1", "'=HYPERLINK(1)", "-5", "", "x,y", ""],
    ["2", "plain", "", "[1]", "", '{"dataset_split":["base"]}'],
  ]);
});

test("JSON Lines keep everything of an example but its files", () => {
  const data = { inputs: { q: { deep: [null] } }, outputs: null, metadata: { m: 1 } };
  expect(parsed(examplesToJsonl([example("1", data)]))).toEqual([{ id: "1", ...data }]);
});

test("OpenAI's forms take messages of OpenAI and of LangChain, and plain texts", () => {
  const openai = {
    messages: [
      { role: "system", content: "Be brief" },
      { role: "user", content: "Hi" },
    ],
  };
  const langchain = {
    input: [
      { type: "system", data: { content: "Be brief" } },
      { type: "human", data: { content: "Hi" } },
    ],
  };
  const answers = [
    { output: { type: "ai", data: { content: "Hello" } } },
    { messages: [{ role: "assistant", content: "Hello" }] },
    { answer: "Hello" },
  ];
  const messages = [...openai.messages, { role: "assistant", content: "Hello" }];
  for (const inputs of [openai, langchain]) {
    for (const outputs of answers) {
      const all = [example("1", { inputs, outputs })];
      expect(parsed(examplesToOpenaiFineTuning(all))).toEqual([{ messages }]);
      expect(parsed(examplesToOpenaiEvals(all))).toEqual([{ input: openai.messages, ideal: "Hello" }]);
    }
  }
  const plain = [example("1", { inputs: { a: "x", b: 1 } })];
  expect(parsed(examplesToOpenaiFineTuning(plain))).toEqual([]);
  expect(parsed(examplesToOpenaiEvals(plain))).toEqual([
    { input: [{ role: "user", content: '{"a":"x","b":1}' }] },
  ]);
});

test("a CSV that can't be made into examples is refused with what is wrong", () => {
  const columns = { inputs: ["q"], outputs: ["a"] };
  expect(examplesOfCsv("q,a,x\n1,2,3\n", columns)).toMatchObject([
    { data: { inputs: { q: "1" }, outputs: { a: "2" } } },
  ]);
  expect(() => examplesOfCsv("", columns)).toThrow("it is empty");
  expect(() => examplesOfCsv("q\n1\n", columns)).toThrow('no column "a" (it has q)');
  expect(() => examplesOfCsv("q,a\n1,2,3\n", columns)).toThrow("row 2 has 3 cells");
  expect(() => examplesOfCsv(`q,a\n${"1,2\n".repeat(10_001)}`, columns)).toThrow("at most 9999");
});
