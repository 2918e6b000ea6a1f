import {
  context,
  diag,
  propagation,
  trace,
  type TextMapPropagator,
  type TracerProvider,
} from "@opentelemetry/api";
import { configure, type ContentOptions } from "./content.js";
import { AsyncContextManager } from "./context-manager.js";
import {
  batchOptions,
  DEFAULT_ENDPOINT,
  disabledReason,
  hasEndpoint,
  otlpProtocol,
  samplerFrom,
  spanLimits,
  text,
  tracesExporter,
} from "./environment.js";
import { flushOnExit } from "./exit-flush.js";
import { loadSdk, SdkMissingError, type SdkModules, type SdkProvider } from "./sdk-modules.js";
import { ConversationSpanProcessor } from "./span-processor.js";

/** Options of `register`. All have the environment as their default. */
export interface RegisterOptions extends ContentOptions {
  /** `service.name`. Default: OTEL_SERVICE_NAME, then OTEL_RESOURCE_ATTRIBUTES. */
  readonly serviceName?: string | undefined;
  /** More resource attributes; they win over OTEL_RESOURCE_ATTRIBUTES. */
  readonly resourceAttributes?: Readonly<Record<string, string>> | undefined;
  /** Base URL of an OTLP/HTTP receiver, without `/v1/traces`. Default: OTEL_EXPORTER_OTLP_*, then 127.0.0.1:4318. */
  readonly endpoint?: string | undefined;
  /** Headers of each export. Default: OTEL_EXPORTER_OTLP_HEADERS. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** LangSmith project of the traces (`langsmith.trace.session_name`). Default: LANGSMITH_PROJECT. */
  readonly project?: string | undefined;
  /** More span processors of the app's SDK, called before the exporter's. */
  readonly spanProcessors?: readonly object[] | undefined;
  /** Flush when the process ends or gets SIGTERM or SIGINT. Default: true. */
  readonly flushOnExit?: boolean | undefined;
}

/** What `register` set up. */
export interface Registration {
  /** The provider in use; `undefined` when tracing is off. */
  readonly provider: TracerProvider | undefined;
  /** `registered`: set up here. `existing`: the app's own provider is used and was not touched. `off`: see `reason`. */
  readonly state: "registered" | "existing" | "off";
  /** In plain words, why it is not `registered`; empty when it is. */
  readonly reason: string;
  /** Sends what has ended so far. Never rejects: export errors go to OpenTelemetry's `diag`. */
  flush(): Promise<void>;
  /** Flushes, then stops tracing for good. Never rejects. */
  shutdown(): Promise<void>;
}

let current: Promise<Registration> | undefined;

/**
 * Sets tracing up for this process with the app's own OpenTelemetry SDK (2.x or 3.x). Call it once, first thing; a second
 * call gives the same answer. Never throws and never rejects: when something is missing, it warns what to install and the
 * app runs on without tracing.
 */
export function register(options: RegisterOptions = {}): Promise<Registration> {
  current ??= setUp(options).catch((error: unknown) => failed(error));
  return current;
}

async function setUp(options: RegisterOptions): Promise<Registration> {
  configure(options);
  const disabled = disabledReason();
  if (disabled !== undefined) return off(disabled);
  const existing = registeredProvider();
  if (existing !== undefined) return useExisting(existing);
  const sdk = await loadSdk(otlpProtocol());
  const marker = new ConversationSpanProcessor({ project: options.project ?? text("LANGSMITH_PROJECT") });
  const provider = sdk.createProvider(providerOptions(sdk, options, marker));
  if (!trace.setGlobalTracerProvider(provider as unknown as TracerProvider)) {
    const other = registeredProvider();
    return other === undefined ? off("OpenTelemetry refused the provider") : useExisting(other);
  }
  setContextAndPropagation(sdk);
  const flush = (): Promise<void> => quietly("flush", () => provider.forceFlush());
  const remove =
    options.flushOnExit === false
      ? (): void => undefined
      : flushOnExit({ flush, endedCount: () => marker.endedCount });
  return {
    provider: provider as unknown as TracerProvider,
    state: "registered",
    reason: "",
    flush,
    shutdown() {
      remove();
      return quietly("shutdown", () => provider.shutdown());
    },
  };
}

function providerOptions(
  sdk: SdkModules,
  options: RegisterOptions,
  marker: ConversationSpanProcessor,
): Record<string, unknown> {
  const sampler = samplerFrom(sdk.trace);
  const resource = resourceFrom(sdk, options);
  return {
    spanProcessors: [marker, ...(options.spanProcessors ?? []), exportProcessor(sdk, options)],
    spanLimits: spanLimits(),
    ...(sampler === undefined ? {} : { sampler }),
    ...(resource === undefined ? {} : { resource }),
  };
}

/** A batch to OTLP, or each span to the console when OTEL_TRACES_EXPORTER says so. */
function exportProcessor(sdk: SdkModules, options: RegisterOptions): object {
  if (tracesExporter() === "console") {
    const Console = sdk.trace["ConsoleSpanExporter"] as new () => object;
    return sdk.createSimpleProcessor(new Console());
  }
  const base = options.endpoint ?? (hasEndpoint() ? undefined : DEFAULT_ENDPOINT);
  const exporter = sdk.createExporter({
    ...(base === undefined ? {} : { url: `${base.replace(/\/+$/, "")}/v1/traces` }),
    ...(options.headers === undefined ? {} : { headers: options.headers }),
  });
  return sdk.createBatchProcessor(exporter, batchOptions());
}

interface ResourceLike {
  merge(other: unknown): ResourceLike;
}

/** The SDK's default resource, then the environment's, then the options'. */
function resourceFrom(sdk: SdkModules, options: RegisterOptions): unknown {
  const { defaultResource, detectResources, envDetector, resourceFromAttributes } = sdk.resources;
  if (typeof defaultResource !== "function" || typeof resourceFromAttributes !== "function") return undefined;
  let resource = (defaultResource as () => ResourceLike)();
  if (typeof detectResources === "function") {
    const detect = detectResources as (config: { detectors: unknown[] }) => unknown;
    resource = resource.merge(detect({ detectors: [envDetector] }));
  }
  const own = {
    ...options.resourceAttributes,
    ...(options.serviceName === undefined ? {} : { "service.name": options.serviceName }),
  };
  return resource.merge((resourceFromAttributes as (attributes: object) => unknown)(own));
}

/** Sets what the app has not set: the context manager, and W3C trace context and baggage. */
function setContextAndPropagation(sdk: SdkModules): void {
  context.setGlobalContextManager(new AsyncContextManager());
  const { CompositePropagator, W3CTraceContextPropagator, W3CBaggagePropagator } = sdk.core;
  if (typeof CompositePropagator !== "function") return;
  const Composite = CompositePropagator as new (config: { propagators: object[] }) => TextMapPropagator;
  const parts = [W3CTraceContextPropagator, W3CBaggagePropagator] as (new () => object)[];
  propagation.setGlobalPropagator(new Composite({ propagators: parts.map((Part) => new Part()) }));
}

/** The provider somebody registered before, if any. The API hands out a proxy that knows. */
function registeredProvider(): TracerProvider | undefined {
  const provider = trace.getTracerProvider() as TracerProvider & {
    getDelegateTracer?: (name: string) => unknown;
    getDelegate?: () => TracerProvider;
  };
  if (typeof provider.getDelegateTracer !== "function") return provider;
  if (provider.getDelegateTracer("@counterfoil/instrumentation") === undefined) return undefined;
  return provider.getDelegate?.() ?? provider;
}

function useExisting(provider: TracerProvider): Registration {
  const reason =
    "an OpenTelemetry tracer provider is already registered; it is used as it is. " +
    "Add ConversationSpanProcessor to it for conversation ids on other libraries' spans.";
  diag.info(`@counterfoil/instrumentation: ${reason}`);
  const call = (method: "forceFlush" | "shutdown"): Promise<void> =>
    quietly(method, async () => {
      await (provider as Partial<SdkProvider>)[method]?.();
    });
  return {
    provider,
    state: "existing",
    reason,
    flush: () => call("forceFlush"),
    shutdown: () => call("shutdown"),
  };
}

function off(reason: string): Registration {
  diag.info(`@counterfoil/instrumentation: tracing is off: ${reason}`);
  const nothing = (): Promise<void> => Promise.resolve();
  return { provider: undefined, state: "off", reason, flush: nothing, shutdown: nothing };
}

function failed(error: unknown): Registration {
  const reason =
    error instanceof SdkMissingError
      ? error.message
      : `set-up failed: ${error instanceof Error ? error.message : String(error)}`;
  process.emitWarning(`tracing is off: ${reason}`, {
    type: "CounterfoilInstrumentation",
    code: "CF_INSTRUMENTATION_OFF",
  });
  return off(reason);
}

/** Telemetry that can't be sent is not the app's problem. */
async function quietly(what: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    const detail = Array.isArray(error) ? error.map(String).join("; ") : String(error);
    diag.warn(`@counterfoil/instrumentation: ${what} failed: ${detail}`);
  }
}
