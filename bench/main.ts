import { writeFileSync } from "node:fs";
import { errorMessage } from "../schema/index.js";
import { readOptions, type BenchOptions } from "./options.js";
import { SCENARIOS } from "./registry.js";
import { writeDocs } from "./report/docs.js";
import type { ScenarioReport } from "./report/results.js";
import { machineText, tableText } from "./report/table.js";
import { runScenario } from "./run.js";
import type { Scenario } from "./scenario.js";

function chosen(only: readonly string[]): readonly Scenario[] {
  if (only.length === 0) return SCENARIOS;
  const names = SCENARIOS.map(({ name }) => name);
  const unknown = only.filter((name) => !names.includes(name));
  if (unknown.length > 0) throw new Error(`no scenario ${unknown.join(", ")}; there are ${names.join(", ")}`);
  return SCENARIOS.filter(({ name }) => only.includes(name));
}

async function bench(options: BenchOptions): Promise<number> {
  const scenarios = chosen(options.only);
  if (options.list) {
    for (const { name, about } of scenarios) console.log(`${name.padEnd(12)} ${about}`);
    return 0;
  }
  const reports: ScenarioReport[] = [];
  for (const scenario of scenarios) {
    const report = await runScenario(scenario, options.settings, (text) => console.error(text));
    reports.push(report);
    // After each one: a long run that is stopped keeps what it has.
    const names = SCENARIOS.map(({ name }) => name);
    if (options.writeDocs) writeDocs({ version: 1, reports: [report] }, undefined, names);
    if (options.out !== undefined) {
      writeFileSync(options.out, `${JSON.stringify({ version: 1, reports }, null, 2)}\n`);
    }
    console.log(tableText({ version: 1, reports: [report] }));
  }
  console.log(machineText({ version: 1, reports }));
  return reports.some(({ error }) => error !== undefined) ? 1 : 0;
}

try {
  process.exitCode = await bench(readOptions(process.argv.slice(2)));
} catch (error) {
  console.error(`bench: ${errorMessage(error)}`);
  process.exitCode = 2;
}
