import type { Rows } from "../../../loop/index.js";
import {
  API_READ_WAIT_MS,
  isRunId,
  type JsonObject,
  mapEntryOfPrice,
  nameUuid,
  PRICES,
  priceOfMapEntry,
} from "../../../schema/index.js";
import type { RecordWriter } from "../../../store/index.js";
import { textAt } from "../../mirror-reads.js";
import { objectBody } from "../body.js";
import type { Call, Handler } from "../call.js";
import { pageOf } from "../paging.js";
import { badField, json, notFound } from "../replies.js";
import { TENANT_ID } from "../tenant.js";

/** Namespace of the ids that prices of another kind of id have in this API. */
const PRICE_IDS = "2b6d1f0a-7c3e-5d1b-8f52-3f9c0a6f4e11";

/** What the routes of prices work with. */
export interface PriceMapParts {
  readonly writer: RecordWriter;
  /** Must see everything that was acknowledged before the call. */
  readonly rows: Rows;
}

interface StoredPrice {
  /** Of the record. */
  readonly id: string;
  readonly data: JsonObject;
}

/** Routes of the model price map, over the same records as `/api/v1/prices` (`docs/cost.md`). */
export function priceMapHandlers({ writer, rows }: PriceMapParts): Readonly<Record<string, Handler>> {
  const list = async (): Promise<StoredPrice[]> => {
    const found = await rows(`SELECT id, data FROM ${PRICES.table} ORDER BY id`, []);
    return found.map((row) => ({
      id: textAt(row, "id") ?? "",
      data: JSON.parse(textAt(row, "data") ?? "{}") as JsonObject,
    }));
  };
  const find = async ({ params }: Call): Promise<StoredPrice> => {
    const wanted = params["price_id"]?.toLowerCase() ?? "";
    const found = (await list()).find(({ id }) => idInApi(id) === wanted);
    if (found === undefined) throw notFound(`Model price ${wanted}`);
    return found;
  };
  /** The prices in effect follow what the mirror shows. */
  const change = async (id: string, data: JsonObject | null): Promise<void> => {
    const { seq } = await writer.append([
      { type: PRICES.type, id, op: data === null ? "delete" : "put", data },
    ]);
    await writer.sealed(seq, API_READ_WAIT_MS);
  };
  return {
    listPriceMap: async ({ request }) => {
      const { query } = request;
      const part = query.get("q")?.toLowerCase() ?? "";
      const found = (await list())
        .map(entryOf)
        .filter((entry) =>
          [textAt(entry, "name"), textAt(entry, "provider")].join(" ").toLowerCase().includes(part),
        );
      return json(200, pageOf(query, found));
    },
    createPriceMapEntry: async ({ request }) => {
      const body = objectBody(request.body);
      const { id: given = null } = body;
      if (given !== null && !isRunId(given)) throw badField(["body", "id"], "must be a UUID");
      const price = { id: given?.toLowerCase() ?? crypto.randomUUID(), data: priceIn(body) };
      await change(price.id, price.data);
      return json(200, entryOf(price));
    },
    updatePriceMapEntry: async (call) => {
      const { id, data: before } = await find(call);
      // What is not given stays as it is; so does what LangSmith has no words for.
      const given = priceIn({ ...mapEntryOfPrice(before), ...objectBody(call.request.body) });
      const tiers = [
        ...((given["tiers"] ?? []) as readonly JsonObject[]),
        ...((before["tiers"] ?? []) as readonly JsonObject[]).slice(1),
      ];
      const price = { id, data: { ...before, ...given, tiers } };
      await change(id, price.data);
      return json(200, entryOf(price));
    },
    deletePriceMapEntry: async (call) => {
      await change((await find(call)).id, null);
      return json(200, { message: "Model price deleted" });
    },
  };
}

/** Throws 422 for an entry that can't be a price here. */
function priceIn(body: JsonObject): JsonObject {
  const read = priceOfMapEntry(body);
  if ("data" in read) return read.data;
  throw badField(["body", ...read.field.split(".")], read.problem);
}

function entryOf({ id, data }: StoredPrice): JsonObject {
  return { ...mapEntryOfPrice(data), id: idInApi(id), tenant_id: TENANT_ID };
}

/** Clients expect a UUID; a price that was set by hand is named by its model. */
function idInApi(id: string): string {
  return isRunId(id) ? id.toLowerCase() : nameUuid(PRICE_IDS, id);
}
