import { priceProblem } from "../genai/prices/price-data.js";
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
      doc: "Names of the model, each also for its dated versions; `ft:gpt-4o*` for all that begin so.",
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
        rate("audio_input", "Audio in the input, where it is counted apart."),
        rate("audio_output", "Audio in the output, where it is counted apart."),
        rate("image_input", "Images in the input, where they are counted apart."),
        rate("image_output", "Images in the output, where they are counted apart."),
      ],
    },
    {
      name: "service_tiers",
      kind: "object",
      doc: "What another service tier costs, as a factor by its name: `{batch: 0.5, priority: 2}`.",
    },
    { name: "published", kind: "text", doc: "Where the price was published." },
    { name: "as_of", kind: "date", doc: "The day for which this states it." },
    {
      name: "langsmith",
      kind: "object",
      doc: "What LangSmith's price map says of it besides: `name`, `match_pattern`, ...",
    },
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
    {
      name: "service_tiers",
      type: "VARCHAR",
      json: true,
      doc: "What another service tier costs, as a factor by its name: JSON object.",
    },
    { name: "published", type: "VARCHAR", doc: "Where the price was published." },
    { name: "as_of", type: "VARCHAR", doc: "The day for which this states it." },
  ],
  check: priceProblem,
};
