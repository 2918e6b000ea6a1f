import { type DatasetService, similarExamples } from "../../../loop/index.js";
import { isDeeper, objectOf, RECORD_JSON_DEPTH_MAX } from "../../../schema/index.js";
import { objectBody } from "../body.js";
import type { Handler } from "../call.js";
import { PAGE_MAX } from "../paging.js";
import { badField, json, RefusedCall } from "../replies.js";
import { datasetId } from "./dataset-routes.js";

const LIMIT_DEFAULT = 5;
/** The tag of the newest version, which is the one that is searched. */
const LATEST = "latest";

/** Routes that find examples like some inputs. Every dataset can be searched as it is: there is no index to build. */
export function exampleSearchHandlers(service: DatasetService): Readonly<Record<string, Handler>> {
  return {
    indexDataset: async (call) => {
      const id = datasetId(call);
      await service.get(id);
      const { tag = LATEST } = call.request.body.length === 0 ? {} : objectBody(call.request.body);
      if (tag !== LATEST && tag !== null) {
        throw new RefusedCall(501, "Counterfoil searches the newest version of a dataset only (tag latest).");
      }
      return json(200, { dataset_id: id, tag: LATEST });
    },
    searchExamples: async (call) => {
      const body = objectBody(call.request.body);
      const inputs = objectOf(body["inputs"]);
      if (inputs === undefined) throw badField(["body", "inputs"], "must be an object");
      if (isDeeper(inputs, RECORD_JSON_DEPTH_MAX))
        throw badField(["body", "inputs"], `is nested more than ${RECORD_JSON_DEPTH_MAX} deep`);
      const { filter = null } = body;
      if (filter !== null && typeof filter !== "string") throw badField(["body", "filter"], "must be a text");
      const limit = body["limit"] ?? LIMIT_DEFAULT;
      if (typeof limit !== "number" || !Number.isInteger(limit) || limit < 1 || limit > PAGE_MAX) {
        throw badField(["body", "limit"], `must be a whole number from 1 to ${PAGE_MAX}`);
      }
      const id = datasetId(call);
      await service.get(id);
      const all = await service.listExamples({
        datasetId: id,
        ...(filter === null || filter === "" ? {} : { filter }),
        limit: Number.MAX_SAFE_INTEGER,
        offset: 0,
      });
      // Clients add the dataset's id themselves.
      return json(200, {
        examples: similarExamples(objectBody(Buffer.from(JSON.stringify(inputs))), all, limit).map(
          ({ example: { id: exampleId, data } }) => ({
            id: exampleId,
            inputs: data["inputs"] ?? {},
            outputs: data["outputs"] ?? null,
            metadata: data["metadata"] ?? null,
          }),
        ),
      });
    },
  };
}
