import {
  type Api,
  type ApiHandler,
  type ApiHost,
  CounterfoilError,
  type JsonObject,
  PRICES,
  withTiers,
} from "../../schema/index.js";
import { createRecordWriter } from "../../store/index.js";
import type { MirrorReads } from "../mirror-reads.js";
import { decodedSegment, jsonBody, jsonObject, jsonReply } from "./json-call.js";

const PATH = /^\/api\/v1\/prices(?:\/([^/]+))?$/;
/** How long a change may take until the mirror shows it, and with it the prices in effect, ms. */
const SEALED_MS = 10_000;

/**
 * Prices of one's own as records: `GET /api/v1/prices` lists them, `PUT` and `DELETE /api/v1/prices/{id}` change one
 * (`docs/cost.md`). The answer comes when the mirror shows the change; the prices in effect follow at once.
 */
export function createPricesApi(host: ApiHost, reads: MirrorReads): Api {
  const writer = createRecordWriter(host, { source: "api" });
  const list: ApiHandler = async () => {
    const rows = (await reads.rows(`SELECT id, data FROM ${PRICES.table} ORDER BY id`, [])) as readonly {
      readonly id: string;
      readonly data: string;
    }[];
    return jsonReply(rows.map(({ id, data }) => ({ id, ...(JSON.parse(data) as JsonObject) })));
  };
  const change = async (id: string, data: JsonObject | null): Promise<void> => {
    const op = data === null ? "delete" : "put";
    const { seq } = await writer.append([{ type: PRICES.type, id, op, data }], { unknownFields: "refuse" });
    await writer.sealed(seq, SEALED_MS);
  };
  return {
    find(method, path) {
      const found = PATH.exec(path);
      if (found === null) return undefined;
      const [, segment] = found;
      if (segment === undefined) return method === "GET" ? list : undefined;
      if (method === "PUT") {
        return async (request) => {
          const id = decodedSegment(segment);
          const data = withTiers(jsonObject(jsonBody(request), "A price"));
          await change(id, data);
          return jsonReply({ id, ...data });
        };
      }
      if (method !== "DELETE") return undefined;
      return async () => {
        const id = decodedSegment(segment);
        const known = await reads.rows(`SELECT id FROM ${PRICES.table} WHERE id = ?`, [id]);
        if (known.length === 0) {
          throw new CounterfoilError(
            "CF_NOT_FOUND",
            `There is no price record with the id ${JSON.stringify(id)}.`,
          );
        }
        await change(id, null);
        return jsonReply({ id, deleted: true });
      };
    },
    close: async () => undefined,
  };
}
