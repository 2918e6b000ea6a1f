import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

/** The parts of an OpenTelemetry SDK that `register` uses. Same shape in SDK 2.x and 3.x but for the constructors. */
export interface SdkModules {
  readonly createProvider: (options: Record<string, unknown>) => SdkProvider;
  readonly createBatchProcessor: (exporter: object, options: Record<string, number>) => object;
  readonly createSimpleProcessor: (exporter: object) => object;
  readonly trace: Record<string, unknown>;
  readonly core: Record<string, unknown>;
  readonly resources: Record<string, unknown>;
  readonly createExporter: (options: Record<string, unknown>) => object;
}

/** What `register` needs of a tracer provider. */
export interface SdkProvider {
  getTracer(name: string, version?: string, options?: { schemaUrl?: string }): unknown;
  forceFlush(): Promise<void>;
  shutdown(): Promise<void>;
}

/** Thrown when the app has no SDK: `message` says what to install. */
export class SdkMissingError extends Error {
  override readonly name = "SdkMissingError";
}

type Loaded = Record<string, unknown>;
type Constructor = new (...args: unknown[]) => object;

/** Trace SDKs, best first. `sdk-trace` has the same API in 2.12 and in 3.x; `sdk-trace-base` is the older 2.x one. */
const TRACE_PACKAGES = ["@opentelemetry/sdk-trace", "@opentelemetry/sdk-trace-base"];
const HTTP_EXPORTER = "@opentelemetry/exporter-trace-otlp-http";
const PROTOBUF_EXPORTER = "@opentelemetry/exporter-trace-otlp-proto";
/** A package that brings all the others along. */
const BUNDLE = "@opentelemetry/sdk-node";

const INSTALL =
  "npm install @opentelemetry/api @opentelemetry/sdk-trace @opentelemetry/exporter-trace-otlp-http";

/**
 * Loads the app's SDK: looked for beside this package, then from the app's folder, then inside `@opentelemetry/sdk-node`.
 * @throws SdkMissingError when there is none, or no OTLP exporter.
 */
export async function loadSdk(protocol: string | undefined): Promise<SdkModules> {
  const places = [import.meta.url, pathToFileURL(join(process.cwd(), "package.json")).href];
  const bundles = places.map((place) => resolveFrom(place, BUNDLE)).filter((path) => path !== undefined);
  const from = [...places, ...bundles.map((path) => pathToFileURL(path).href)];
  const traceSdk = await loadFirst(from, TRACE_PACKAGES);
  if (traceSdk === undefined) {
    throw new SdkMissingError(`no OpenTelemetry SDK is installed. Run: ${INSTALL}`);
  }
  const wanted =
    protocol === "http/protobuf" ? [PROTOBUF_EXPORTER, HTTP_EXPORTER] : [HTTP_EXPORTER, PROTOBUF_EXPORTER];
  const exporter = await loadFirst(from, wanted);
  if (exporter === undefined) {
    throw new SdkMissingError(`no OTLP exporter is installed. Run: npm install ${HTTP_EXPORTER}`);
  }
  // Both are dependencies of the SDK: taken from there, they are the very version it works with.
  const inside = [pathToFileURL(traceSdk.path).href, ...from];
  const core = await loadFirst(inside, ["@opentelemetry/core"]);
  const resources = await loadFirst(inside, ["@opentelemetry/resources"]);
  return {
    ...constructors(traceSdk),
    trace: traceSdk.module,
    core: core?.module ?? {},
    resources: resources?.module ?? {},
    createExporter: (options) => new (classOf(exporter.module, "OTLPTraceExporter"))(options),
  };
}

function constructors(
  sdk: Found,
): Pick<SdkModules, "createProvider" | "createBatchProcessor" | "createSimpleProcessor"> {
  const isNew = typeof sdk.module["TracerProvider"] === "function";
  const Provider = classOf(sdk.module, isNew ? "TracerProvider" : "BasicTracerProvider");
  const Batch = classOf(sdk.module, "BatchSpanProcessor");
  const Simple = classOf(sdk.module, "SimpleSpanProcessor");
  return {
    createProvider: (options) => new Provider(options) as SdkProvider,
    createBatchProcessor: (exporter, options) =>
      isNew ? new Batch({ exporter, ...options }) : new Batch(exporter, options),
    createSimpleProcessor: (exporter) => (isNew ? new Simple({ exporter }) : new Simple(exporter)),
  };
}

function classOf(module: Loaded, name: string): Constructor {
  const found = module[name];
  if (typeof found !== "function") {
    throw new SdkMissingError(
      `the installed OpenTelemetry SDK has no ${name}: use 2.x or 3.x. Run: ${INSTALL}`,
    );
  }
  return found as Constructor;
}

interface Found {
  readonly path: string;
  readonly module: Loaded;
}

async function loadFirst(from: readonly string[], names: readonly string[]): Promise<Found | undefined> {
  for (const place of from) {
    for (const name of names) {
      const path = resolveFrom(place, name);
      if (path === undefined) continue;
      return { path, module: flat((await import(pathToFileURL(path).href)) as Loaded) };
    }
  }
  return undefined;
}

/** A CommonJS module that was imported has its exports under `default`; they count when the names are not copied. */
function flat(module: Loaded): Loaded {
  const inner = module["default"];
  return typeof inner === "object" && inner !== null ? { ...(inner as Loaded), ...module } : module;
}

function resolveFrom(place: string, name: string): string | undefined {
  try {
    return createRequire(place).resolve(name);
  } catch {
    return undefined;
  }
}
