import { diag } from "@opentelemetry/api";

/**
 * Runs telemetry code that must not reach the user's program: whatever it throws is reported through OpenTelemetry's
 * `diag` and becomes `undefined`. Error messages are not repeated, for they may hold the content being described.
 */
export function guard<T>(what: string, work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    const kind = error instanceof Error ? error.name : typeof error;
    diag.warn(`@counterfoil/instrumentation: ${what} failed (${kind}); the call itself is not affected`);
    return undefined;
  }
}
