import type { Dataset, DatasetVersion, Example, ExampleFile } from "../../../loop/index.js";
import type { RunRecord } from "../../../schema/index.js";
import { TENANT_ID } from "../tenant.js";

/** A dataset as LangSmith gives it. */
export function datasetView({ id, data, modifiedAt, exampleCount, experimentCount }: Dataset): RunRecord {
  return {
    description: null,
    data_type: "kv",
    inputs_schema_definition: null,
    outputs_schema_definition: null,
    metadata: null,
    transformations: null,
    externally_managed: false,
    last_session_start_time: null,
    baseline_experiment_id: null,
    ...(data as RunRecord),
    id,
    tenant_id: TENANT_ID,
    modified_at: modifiedAt,
    example_count: exampleCount,
    session_count: experimentCount,
  };
}

/** An example as LangSmith gives it. */
export function exampleView({ id, datasetId, data, modifiedAt }: Example): RunRecord {
  const { attachments, ...rest } = data;
  const files = (attachments ?? []) as unknown as readonly ExampleFile[];
  const urls = files.map(({ name, mime_type: mimeType }) => {
    const url = `/examples/${id}/attachments/${encodeURIComponent(name)}?as_of=${encodeURIComponent(modifiedAt)}`;
    return [`attachment.${name}`, { presigned_url: url, s3_url: url, mime_type: mimeType }] as const;
  });
  return {
    outputs: null,
    source_run_id: null,
    ...(rest as RunRecord),
    id,
    dataset_id: datasetId,
    name: `#${id.slice(0, 4)}`,
    modified_at: modifiedAt,
    attachment_urls: urls.length === 0 ? null : Object.fromEntries(urls),
  };
}

/** A version as LangSmith gives it. */
export function versionView({ asOf, tags }: DatasetVersion): RunRecord {
  return { as_of: asOf, tags: [...tags] };
}
