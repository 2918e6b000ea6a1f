import { errorMessage } from "../../schema/index.js";
import { Generator } from "./generator.js";
import type { LoadOrder } from "./order.js";

/**
 * The load generator's process. It answers `ready` when the bodies of its order are in memory, starts at `go`, and ends
 * with its report.
 */
let generator: Generator | undefined;

process.on("message", (message: { order: LoadOrder } | { go: true }) => {
  if ("order" in message) {
    generator = new Generator(message.order);
    process.send?.({ ready: true });
    return;
  }
  generator?.run().then(
    (report) => process.send?.({ report }, () => process.disconnect()),
    (error: unknown) => process.send?.({ error: errorMessage(error) }, () => process.disconnect()),
  );
});
