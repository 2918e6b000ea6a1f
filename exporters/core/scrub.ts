import type { Exporter, Outcome } from "./exporter.js";

/** Shorter values are left alone: replacing them would garble messages and they are no keys. */
const SECRET_CHARS_MIN = 6;

/** Takes secrets out of text: a peer may echo a key in its error, and that error is logged, counted and stored. */
export function createScrubber(secrets: readonly string[]): (text: string) => string {
  const known = secrets
    .flatMap((secret) => [secret, secret.replace(/^(Bearer|Basic)\s+/i, "")])
    .filter((secret) => secret.length >= SECRET_CHARS_MIN);
  return (text) => known.reduce((clean, secret) => clean.replaceAll(secret, "[redacted]"), text);
}

/** The exporter with every message of its outcomes scrubbed. */
export function scrubOutcomes(exporter: Exporter, scrub: (text: string) => string): Exporter {
  return {
    wants: exporter.wants,
    async send(batch, abort) {
      return scrubOutcome(await exporter.send(batch, abort), scrub);
    },
    async sync() {
      await exporter.sync?.();
    },
    close: () => exporter.close(),
  };
}

function scrubOutcome(outcome: Outcome, scrub: (text: string) => string): Outcome {
  if (outcome.kind !== "delivered") return { ...outcome, message: scrub(outcome.message) };
  if (outcome.rejected === undefined) return outcome;
  const { count, message } = outcome.rejected;
  return { kind: "delivered", rejected: { count, message: scrub(message) } };
}
