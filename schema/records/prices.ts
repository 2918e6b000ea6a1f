import type { RecordType } from "./types.js";

const rate = (name: string, doc: string) => ({ name, kind: "number", doc }) as const;

/** `prices`: a list price of a model, as `schema/genai/prices/` has them. */
export const PRICES: RecordType = {
  type: "price",
  table: "prices",
  doc: "List prices of models, US dollars for a million tokens.",
  fields: [
    { name: "provider", kind: "text", required: true, doc: "Provider as the GenAI conventions name it." },
    {
      name: "models",
      kind: "list",
      required: true,
      doc: "Names of the model, each also for its dated versions.",
    },
    { name: "from", kind: "date", doc: "First day that it holds for." },
    { name: "until", kind: "date", doc: "First day that it does not hold for any more." },
    {
      name: "tiers",
      kind: "list",
      required: true,
      doc: "Rates by the size of the whole input, smallest first.",
      fields: [
        {
          name: "above_input_tokens",
          kind: "integer",
          required: true,
          doc: "Input above which the rates hold.",
        },
        { ...rate("input", "Input tokens."), required: true },
        { ...rate("output", "Output tokens."), required: true },
        rate("cache_read", "Input tokens read from the cache."),
        rate("cache_write", "Input tokens written to the cache."),
        rate("cache_write_1h", "Input tokens written to the cache for an hour."),
      ],
    },
    { name: "batch_factor", kind: "number", doc: "What a batch costs, as a factor." },
    { name: "published", kind: "text", doc: "Where the price was published." },
    { name: "as_of", kind: "date", doc: "The day for which this states it." },
  ],
  columns: [
    { name: "provider", type: "VARCHAR", doc: "Provider as the GenAI conventions name it." },
    {
      name: "models",
      type: "VARCHAR",
      json: true,
      doc: "Names of the model, each also for its dated versions: JSON array.",
    },
    {
      name: "valid_from",
      type: "VARCHAR",
      doc: "First day that it holds for, YYYY-MM-DD.",
      read: (data) => data["from"],
    },
    {
      name: "valid_until",
      type: "VARCHAR",
      doc: "First day that it does not hold for any more.",
      read: (data) => data["until"],
    },
    { name: "tiers", type: "VARCHAR", json: true, doc: "Rates by the size of the whole input: JSON array." },
    { name: "batch_factor", type: "DOUBLE", doc: "What a batch costs, as a factor." },
    { name: "published", type: "VARCHAR", doc: "Where the price was published." },
    { name: "as_of", type: "VARCHAR", doc: "The day for which this states it." },
  ],
};
