// Runs in a folder with its own version of langsmith: see matrix.test.ts.
import { Client } from "langsmith";
import { evaluate } from "langsmith/evaluation";
import { traceable } from "langsmith/traceable";

const client = new Client();
const answer = traceable(async (question) => ({ answer: question.toUpperCase() }), {
  name: "answer",
  client,
  project_name: "old sdk",
  tracingEnabled: true,
});
await answer("hi");
await client.awaitPendingTraceBatches();
const runs = [];
for await (const run of client.listRuns({ projectName: "old sdk" })) runs.push(run);
await client.createFeedback(runs[0].id, "correctness", { score: 1, correction: { answer: "HI" } });
const feedback = [];
for await (const each of client.listFeedback({ runIds: [runs[0].id] })) feedback.push(each);
const dataset = await client.createDataset("old sdk's");
await client.createExamples({
  inputs: [{ n: 1 }, { n: 2 }],
  outputs: [{ n: 2 }, { n: 4 }],
  datasetId: dataset.id,
});
const { experimentName } = await evaluate(async ({ n }) => ({ n: 2 * n }), {
  data: "old sdk's",
  client,
  evaluators: [
    ({ outputs, referenceOutputs }) => ({ key: "right", score: Number(outputs.n === referenceOutputs.n) }),
  ],
});
await client.awaitPendingTraceBatches();
const results = [];
for await (const run of client.listRuns({ projectName: experimentName, isRoot: true }))
  results.push(run.outputs.n);
await client.pushPrompt("old", {
  object: { lc: 1, type: "constructor", id: ["x"], kwargs: { template: "Hi" } },
});
const { manifest } = await client.pullPromptCommit("old");
console.log(
  JSON.stringify({
    outputs: runs.map((run) => run.outputs),
    corrections: feedback.map((each) => each.correction),
    results: results.sort((left, right) => left - right),
    template: manifest.kwargs.template,
  }),
);
