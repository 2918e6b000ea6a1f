import { expect, it } from "vitest";
import { createJournalLog } from "../../collector/telemetry/journal-log.js";
import { createLogger } from "../../collector/telemetry/logger.js";

it("item 52: a full disk gives a line now and then, not one for each refused request; what comes after it shows at once", () => {
  const lines: Record<string, unknown>[] = [];
  const log = createLogger("info", { write: (line) => void lines.push(JSON.parse(line)) });
  let now = 0;
  const journalLog = createJournalLog(log, () => now);
  const full = { kind: "records_rejected", records: 1, message: "ENOSPC" } as const;
  for (; now < 25_000; now += 100) journalLog(full);
  expect(lines.map((line) => line["not_logged"])).toEqual([undefined, 99, 99]);
  expect(lines[0]).toMatchObject({ level: "warn", records: 1, message: "ENOSPC" });
  journalLog({ kind: "resumed", path: "x" });
  journalLog(full);
  expect(lines.slice(3).map((line) => line["msg"])).toEqual([
    "Journal: resumed",
    "Journal: records rejected",
  ]);
});
