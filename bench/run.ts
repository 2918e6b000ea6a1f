import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { errorMessage } from "../schema/index.js";
import { machineFacts } from "./machine.js";
import type { ScenarioReport } from "./report/results.js";
import { isMet, type BenchSettings, type Scenario, type ScenarioResult } from "./scenario.js";

/** Runs one scenario in a folder of its own. What fails is reported, and the next one runs. */
export async function runScenario(
  scenario: Scenario,
  settings: BenchSettings,
  log: (text: string) => void,
): Promise<ScenarioReport> {
  const folder = mkdtempSync(join(tmpdir(), `counterfoil-bench-${scenario.name}-`));
  const machine = machineFacts();
  const started = performance.now();
  let result: ScenarioResult = { rows: [] };
  let error: string | undefined;
  try {
    result = await scenario.run({ ...settings, folder, log });
  } catch (failure) {
    error = errorMessage(failure);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return {
    scenario: scenario.name,
    about: scenario.about,
    rows: result.rows.map((row) => {
      const met = isMet(row);
      return { ...row, ...(met === undefined ? {} : { met }) };
    }),
    facts: result.facts ?? {},
    ...(error === undefined ? {} : { error }),
    seconds: Math.round((performance.now() - started) / 100) / 10,
    machine,
    settings,
  };
}
