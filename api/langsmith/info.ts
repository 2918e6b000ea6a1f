import * as zlib from "node:zlib";
import type { ApiReply } from "../../schema/index.js";
import { json } from "./replies.js";

/** The LangSmith server version whose behaviour this is; the SDK warns below it and leaves features out. */
const LANGSMITH_VERSION = "0.18.0";
const BATCH_ITEMS_MAX = 100;
const BATCH_BYTES_MAX = 20 * 1024 * 1024;

/** `GET /info`: what the SDK may use. Runs are queried by version 1 of the API, whose clients need no project for a run. */
export async function readInfo(): Promise<ApiReply> {
  return json(200, {
    version: LANGSMITH_VERSION,
    license_expiration_time: null,
    batch_ingest_config: {
      use_multipart_endpoint: true,
      size_limit: BATCH_ITEMS_MAX,
      size_limit_bytes: BATCH_BYTES_MAX,
      scale_up_qsize_trigger: 1_000,
      scale_up_nthreads_limit: 16,
      scale_down_nempty_trigger: 4,
    },
    instance_flags: {
      gzip_body_enabled: true,
      zstd_compression_enabled: "zstdDecompress" in zlib,
      dataset_examples_multipart_enabled: true,
      // Python clients before 0.4 ask for this one before upsert_examples_multipart.
      examples_multipart_enabled: true,
      ch_query_enabled: true,
      sdb_query_enabled: false,
    },
  });
}
