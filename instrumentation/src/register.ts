/**
 * `node --import @counterfoil/instrumentation/register app.js`, or as the first import of an app: sets tracing up from
 * the environment alone.
 */
import { register } from "./setup.js";

export const registration = await register();
