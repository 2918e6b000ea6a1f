/** Name of this package: the instrumentation scope of every span it makes. */
export const PACKAGE_NAME = "@counterfoil/instrumentation";

/** Version of this package, as in its package.json (a test holds them equal). */
export const PACKAGE_VERSION = "0.1.0";

/** Schema URL on the tracer: the GenAI conventions this package was written against. */
export const SCHEMA_URL = "https://opentelemetry.io/schemas/gen-ai-dev/1.42.0-dev";
