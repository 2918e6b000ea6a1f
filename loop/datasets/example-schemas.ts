import { CounterfoilError, type JsonObject } from "../../schema/index.js";
import { schemaProblems } from "./schema-check.js";

/** What the dataset's JSON Schemas do not allow in the example's inputs and outputs; outputs may come later. */
export function exampleSchemaProblems(dataset: JsonObject, example: JsonObject): readonly string[] {
  return (["inputs", "outputs"] as const).flatMap((field) => {
    const schema = dataset[`${field}_schema_definition`] ?? null;
    const value = example[field] ?? null;
    if (schema === null || (field === "outputs" && value === null)) return [];
    return schemaProblems(schema as JsonObject, value ?? {}, field);
  });
}

/** Throws CF_RECORD_INVALID for inputs or outputs that the dataset's JSON Schemas do not allow; `which` names the example. */
export function checkExampleSchemas(dataset: JsonObject, example: JsonObject, which = "example"): void {
  const problems = exampleSchemaProblems(dataset, example);
  if (problems.length === 0) return;
  throw new CounterfoilError(
    "CF_RECORD_INVALID",
    `Not a valid ${which} by the JSON Schema of its dataset: ${problems.join("; ")}.`,
  );
}
