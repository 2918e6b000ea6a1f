import {
  type ApiHost,
  type ApiReply,
  encodeOtlp,
  type NativeRun,
  NATIVE_RUN_SCOPE,
  runToSpan,
} from "../../../schema/index.js";
import type { Call, Handler } from "../call.js";
import { json, RefusedCall } from "../replies.js";
import type { RunStates } from "./run-states.js";
import { batchWrites, multipartWrites, parseBody, type RunWrite, singleWrite } from "./run-writes.js";

/** Routes that take runs. Each answers 202 once the runs are durable (I1). */
export function runIngestHandlers(host: ApiHost, states: RunStates): Readonly<Record<string, Handler>> {
  const accept = async (writes: readonly RunWrite[]): Promise<ApiReply> => {
    const runs = await states.merge(writes);
    if (runs.length > 0) await host.append(entryOf(runs));
    return json(202, { message: "Runs accepted" });
  };
  return {
    createRun: ({ request }) => accept([singleWrite("post", parseBody(request.body))]),
    updateRun: ({ request, params }: Call) =>
      accept([singleWrite("patch", parseBody(request.body), params["run_id"])]),
    batchRuns: ({ request }) => accept(batchWrites(parseBody(request.body))),
    multipartRuns: async ({ request }) => {
      const { writes, feedback } = multipartWrites(request.body, request.header("content-type"));
      if (feedback.length > 0) {
        throw new RefusedCall(501, "Counterfoil does not take feedback in a multipart request yet.");
      }
      return accept(writes);
    },
  };
}

/** One journal record: an OTLP request whose spans are the runs. */
function entryOf(runs: readonly NativeRun[]) {
  const payload = encodeOtlp("traces", {
    resourceSpans: [
      {
        scopeSpans: [
          {
            scope: { name: NATIVE_RUN_SCOPE, version: "", attributes: [], droppedAttributesCount: 0 },
            spans: runs.map(runToSpan),
            schemaUrl: "",
          },
        ],
        schemaUrl: "",
      },
    ],
  });
  return { signal: "traces", payload, itemCount: runs.length, receiver: "langsmith" } as const;
}
