import type { DatasetService, ShareService } from "../../../loop/index.js";
import { isRunId, SHARED_EXAMPLES_MAX } from "../../../schema/index.js";
import type { Call, Handler } from "../call.js";
import { pageLimits } from "../paging.js";
import { badField, json, notFound } from "../replies.js";
import { datasetId } from "./dataset-routes.js";
import { datasetView, exampleView } from "./dataset-view.js";

/** What the routes of shared datasets work with. */
export interface DatasetShareParts {
  readonly datasets: DatasetService;
  readonly shares: ShareService;
}

/** Routes that share a dataset, and that read a shared one without a key: the token is the permission. */
export function datasetShareHandlers({
  datasets,
  shares,
}: DatasetShareParts): Readonly<Record<string, Handler>> {
  return {
    readDatasetShare: async (call) => {
      const id = datasetId(call);
      const token = await shares.tokenOf({ kind: "dataset", id });
      if (token === undefined) throw notFound(`Share of dataset ${id}`);
      return json(200, { dataset_id: id, share_token: token });
    },
    shareDataset: async (call) => {
      const id = datasetId(call);
      await datasets.get(id);
      return json(200, { dataset_id: id, share_token: await shares.share({ kind: "dataset", id }) });
    },
    unshareDataset: async (call) => {
      await shares.unshare({ kind: "dataset", id: datasetId(call) });
      return json(200, { message: "Dataset is not shared any more" });
    },
    readSharedDataset: async (call) =>
      json(200, datasetView(await datasets.get(await sharedDataset(shares, call)))),
    listSharedExamples: async (call) => {
      const { query } = call.request;
      const ids = query.getAll("id");
      if (!ids.every(isRunId)) throw badField(["query", "id"], "must be ids of examples");
      // The JavaScript client asks once, without a limit, and takes the answer for all.
      const page = query.has("limit") ? pageLimits(query) : { limit: SHARED_EXAMPLES_MAX, offset: 0 };
      const examples = await datasets.listExamples({
        datasetId: await sharedDataset(shares, call),
        ...(ids.length === 0 ? {} : { ids: ids.map((id) => id.toLowerCase()) }),
        ...page,
      });
      // Files are served to those with a key only.
      return json(
        200,
        examples.map((example) => ({ ...exampleView(example), attachment_urls: null })),
      );
    },
  };
}

async function sharedDataset(shares: ShareService, { params }: Call): Promise<string> {
  const token = params["share_token"]?.toLowerCase();
  const shared = isRunId(token) ? await shares.find(token) : undefined;
  if (shared?.kind !== "dataset") throw notFound(`Shared dataset ${token ?? ""}`);
  return shared.id;
}
