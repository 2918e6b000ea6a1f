import { createHash, timingSafeEqual } from "node:crypto";
import { CounterfoilError } from "../../../schema/index.js";

/** Reads one request header: undefined when absent. */
export type HeaderReader = (name: string) => string | undefined;

/**
 * Checks API keys sent as `Authorization: Bearer <key>` or `x-api-key: <key>`. Every configured key is compared, in
 * constant time and as a digest, so that neither length nor position of a mismatch shows in the time it takes.
 */
export class KeyCheck {
  readonly #digests: readonly Buffer[];

  /** Without keys every request passes. */
  constructor(keys: readonly string[]) {
    this.#digests = keys.map(digest);
  }

  /** Whether a key is asked for at all. */
  get required(): boolean {
    return this.#digests.length > 0;
  }

  /** Throws CF_UNAUTHENTICATED, whose message never repeats what was sent. */
  check(header: HeaderReader): void {
    if (!this.required) return;
    const bearer = /^bearer +(\S+)$/i.exec(header("authorization") ?? "")?.[1];
    const given = digest(bearer ?? header("x-api-key") ?? "");
    let matches = 0;
    for (const known of this.#digests) matches += timingSafeEqual(known, given) ? 1 : 0;
    if (matches === 0) {
      throw new CounterfoilError(
        "CF_UNAUTHENTICATED",
        "A valid API key is needed: send `Authorization: Bearer <key>` or `x-api-key: <key>`.",
      );
    }
  }
}

function digest(key: string): Buffer {
  return createHash("sha256").update(key, "utf8").digest();
}
