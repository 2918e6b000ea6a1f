import { expect, it } from "vitest";
import { soak, SOAK_TIMEOUT_MS } from "./run-soak.js";

it(
  "item 40: killed at each instrumented point, from the journal's write to the sweep of old files, no acknowledged span is lost or doubled",
  async () => {
    const { code, output } = await soak(["--every-kill-point", "--clients", "2"]);
    expect(code, output).toBe(0);
    expect(output).toMatch(/each present exactly once/);
    expect(output).toMatch(/compaction-half-committed: 1.*trim-after-unlink: 1/);
  },
  SOAK_TIMEOUT_MS,
);
