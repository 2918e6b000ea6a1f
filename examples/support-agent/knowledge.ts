import type OpenAI from "openai";
import { traceRetrieval } from "@counterfoil/instrumentation";
import { EMBEDDING_MODEL } from "./prices.js";

/** One page of the hotel's policy handbook. */
export interface PolicyPage {
  readonly id: string;
  readonly title: string;
  readonly text: string;
}

/** A page found, and how well it fits (cosine similarity). */
export interface FoundPage extends PolicyPage {
  readonly score: number;
}

const PAGES: readonly PolicyPage[] = [
  {
    id: "policy-cancellation",
    title: "Cancellation and refunds",
    text:
      "Flexible bookings can be cancelled free of charge until 48 hours before arrival; after that one night is charged. " +
      "Semi-flexible bookings need 30 days. Saver rates, whose code ends in NR, are not refundable at any time.",
  },
  {
    id: "policy-breakfast",
    title: "Breakfast",
    text: "Breakfast is served in the Orangery from 7:00 to 10:30, at weekends until 11:00. Adults pay 19 euro.",
  },
  {
    id: "policy-arrival",
    title: "Arrival and departure",
    text: "Check-in starts at 15:00. The front desk is staffed all night: late arrival is no problem. Check-out is at 11:00.",
  },
  {
    id: "policy-pets",
    title: "Pets",
    text: "Dogs up to 15 kilograms are welcome in garden rooms for 20 euro a night. No pets in the restaurant.",
  },
  {
    id: "policy-parking",
    title: "Parking",
    text: "Underground parking costs 18 euro a night; charging points for electric cars are free for guests.",
  },
];

/** Most pages given to the model. */
const TOP_K = 2;

/**
 * A search over the policy handbook by embeddings. The pages' vectors are asked for once, with the first search.
 */
export function createPolicySearch(client: OpenAI): (query: string) => Promise<readonly FoundPage[]> {
  let pages: Promise<readonly (readonly number[])[]> | undefined;
  const embed = async (input: string[]): Promise<readonly (readonly number[])[]> => {
    const answer = await client.embeddings.create({
      model: EMBEDDING_MODEL,
      input,
      encoding_format: "float",
    });
    return answer.data.map((item) => item.embedding);
  };
  return traceRetrieval({ dataSourceId: "hotel-policies", topK: TOP_K }, async (query: string) => {
    pages ??= embed(PAGES.map((page) => `${page.title}. ${page.text}`));
    const [vectors, [wanted = []]] = [await pages, await embed([query])];
    return PAGES.map((page, index) => ({ ...page, score: cosine(wanted, vectors[index] ?? []) }))
      .sort((a, b) => b.score - a.score)
      .slice(0, TOP_K);
  });
}

function cosine(a: readonly number[], b: readonly number[]): number {
  let dot = 0;
  let squareA = 0;
  let squareB = 0;
  for (const [index, x] of a.entries()) {
    const y = b[index] ?? 0;
    dot += x * y;
    squareA += x * x;
    squareB += y * y;
  }
  const length = Math.sqrt(squareA * squareB);
  return length === 0 ? 0 : Math.round((dot / length) * 10_000) / 10_000;
}
