import { accessSync, constants, existsSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { type ConfigReading, formatProblems } from "../../collector/config/index.js";
import { type ExporterConfig } from "../../exporters/index.js";
import { errorMessage } from "../../schema/index.js";
import { type Check, fail, type Finding, ok, warn } from "./check.js";

const REACH_TIMEOUT_MS = 5_000;
/** LangSmith's own address: https://docs.langchain.com/langsmith/trace-with-opentelemetry. */
const LANGSMITH_ENDPOINT = "https://api.smith.langchain.com";

/** Whether the configuration is valid. */
export function configCheck(reading: ConfigReading): Check {
  return {
    name: "configuration",
    run() {
      if (reading.config === undefined) {
        return fail(
          `${reading.errors.length} error(s):\n${formatProblems(reading.file, reading.errors)}`,
          "Correct the lines above; `counterfoil validate` checks again.",
        );
      }
      if (reading.warnings.length === 0) return ok(`${reading.file} is valid`);
      return warn(formatProblems(reading.file, reading.warnings), "It works, but may not do what was meant.");
    },
  };
}

/** One check per destination other than the mirror: whether its address answers at all. No key and no data is sent. */
export function destinationChecks(reading: ConfigReading): Check[] {
  return (reading.config?.destinations ?? []).map(({ name, exporter }) => ({
    name: `destination ${name}`,
    run: () => reach(exporter),
  }));
}

async function reach(exporter: ExporterConfig): Promise<Finding> {
  if (exporter.type === "file") return writable(exporter.path);
  const url = addressOf(exporter);
  if (url === undefined) return ok("no address to try");
  const shown = `${url.protocol}//${url.host}`;
  try {
    const startedAt = performance.now();
    // Only the origin is asked: an address in a configuration may carry a secret in its path or query.
    const response = await fetch(shown, {
      method: "HEAD",
      redirect: "manual",
      signal: AbortSignal.timeout(REACH_TIMEOUT_MS),
    });
    await response.body?.cancel();
    return ok(`${shown} answers (${Math.round(performance.now() - startedAt)} ms); the key is not tried`);
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    return warn(
      `${shown} does not answer: ${errorMessage(cause) || "no connection"}`,
      "Spans wait in the journal meanwhile. Check the address, the proxy and the firewall.",
    );
  }
}

function addressOf(exporter: Exclude<ExporterConfig, { type: "file" }>): URL | undefined {
  const address =
    exporter.type === "langsmith" || exporter.type === "langsmith_records"
      ? (exporter.endpoint ?? LANGSMITH_ENDPOINT)
      : (exporter.endpoint ?? Object.values(exporter.endpoints ?? {})[0]);
  return address !== undefined && URL.canParse(address) ? new URL(address) : undefined;
}

function writable(path: string): Finding {
  let folder = resolve(path);
  while (!existsSync(folder) && dirname(folder) !== folder) folder = dirname(folder);
  try {
    accessSync(folder, constants.W_OK);
    return ok(`${resolve(path)} can be written`);
  } catch {
    return fail(`${folder} can't be written`, "Change its owner or mode, or the path in the configuration.");
  }
}
