/**
 * The hotel support agent as a program: `node dist/examples/support-agent/main.js`. Spans go to
 * OTEL_EXPORTER_OTLP_ENDPOINT (default http://127.0.0.1:4318), the model is at MODEL_BASE_URL (default: the stand-in,
 * started in this process). Prints a summary as one JSON object on stdout; exit code 1 when it could not run.
 */
import { startModelServer } from "./model-server.js";
import { runSupportAgent } from "./run.js";

const modelUrl = process.env["MODEL_BASE_URL"];
const standIn = modelUrl === undefined ? await startModelServer() : undefined;
try {
  const summary = await runSupportAgent({
    modelUrl: modelUrl ?? standIn?.url ?? "",
    apiKey: process.env["MODEL_API_KEY"],
  });
  process.stdout.write(`${JSON.stringify(summary, undefined, 2)}\n`);
} finally {
  await standIn?.close();
}
