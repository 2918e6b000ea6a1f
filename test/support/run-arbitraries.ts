import { randomUUID } from "node:crypto";
import fc from "fast-check";
import type { RunJson, RunRecord } from "../../schema/index.js";

/** JSON that a client may put into a run; zero is never negative, which JSON can't say. */
export const runJson = fc
  .jsonValue({ maxDepth: 4 })
  .map((value) => JSON.parse(JSON.stringify(value)) as RunJson);

const jsonObject = fc.dictionary(fc.string({ maxLength: 12 }), runJson, { maxKeys: 5 }).map((value) => {
  return JSON.parse(JSON.stringify(value)) as { [key: string]: RunJson };
});

const text = fc.string({ unit: "binary", maxLength: 20 });

/** Times of 2026, as clients write them: text with microseconds, or milliseconds. */
const time = fc
  .integer({ min: 1_767_225_600_000, max: 1_798_761_599_000 })
  .chain((ms) =>
    fc.constantFrom<RunJson>(
      ms,
      new Date(ms).toISOString(),
      `${new Date(ms).toISOString().slice(0, -1)}456Z`,
    ),
  );

/** A root run as a client sends it, with fields that are not known and content of any shape. */
export const arbitraryRun: fc.Arbitrary<RunRecord & { id: string }> = fc
  .record(
    {
      name: text,
      run_type: fc.constantFrom("llm", "chain", "tool", "retriever", "embedding", "prompt", "parser"),
      start_time: time,
      end_time: fc.option(time),
      inputs: fc.oneof(jsonObject, runJson),
      outputs: fc.oneof(jsonObject, runJson),
      extra: fc.record({ metadata: jsonObject, runtime: jsonObject }, { requiredKeys: [] }),
      error: fc.option(text),
      events: fc.array(jsonObject, { maxLength: 3 }),
      tags: fc.option(fc.array(text, { maxLength: 3 })),
      serialized: fc.option(jsonObject),
      session_name: fc.constantFrom("one", "two"),
      reference_example_id: fc.uuid(),
      something_new: runJson,
    },
    { requiredKeys: ["name", "run_type", "start_time"] },
  )
  .map((fields) => {
    const id = randomUUID();
    return { ...fields, id, trace_id: id };
  });
