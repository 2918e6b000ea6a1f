import type { Scenario } from "./scenario.js";
import { ingestScenarios } from "./scenarios/ingest.js";
import { memory } from "./scenarios/memory.js";
import { rates } from "./scenarios/rates.js";

/** Every scenario, in the order of the table. */
export const SCENARIOS: readonly Scenario[] = [...ingestScenarios, rates, memory];
