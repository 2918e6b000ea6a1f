import { describe, expect, it } from "vitest";
import { explainSpan } from "../../../schema/genai/normalise.js";
import { JSON_COLUMNS } from "../../../schema/genai/types.js";
import { FIXTURE_NAMES, fixtureSpans, type FixtureSpan } from "../../support/genai-fixtures.js";

/** What the mirror should say of a span, JSON columns as JSON, so that the files read well and differ line by line. */
function row({ spanId, input }: FixtureSpan): unknown {
  const { columns, provenance, dialects, conflicts, unmapped } = explainSpan(input);
  const shown = Object.entries(columns).map(([column, value]) => [
    column,
    JSON_COLUMNS.has(column) ? JSON.parse(String(value)) : value,
  ]);
  return {
    span_id: spanId,
    name: input.name,
    dialects,
    columns: Object.fromEntries(shown),
    provenance,
    conflicts,
    unmapped,
  };
}

/*
 * Each file was read against its capture before it was committed. To look at the effect of a changed rule, run this
 * file with `-u` and read the difference.
 */
describe("the normaliser on captures of real instrumentations", () => {
  it.each(FIXTURE_NAMES)("%s: every span gives the reviewed row", async (name) => {
    const rows = fixtureSpans(name).map(row);
    await expect(`${JSON.stringify(rows, null, 1)}\n`).toMatchFileSnapshot(`../../golden/genai/${name}.json`);
  });
});
