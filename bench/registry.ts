import type { Scenario } from "./scenario.js";
import { ingestScenarios } from "./scenarios/ingest.js";
import { analysts } from "./scenarios/analysts.js";
import { compaction } from "./scenarios/compaction.js";
import { datasets } from "./scenarios/datasets.js";
import { deadDestination } from "./scenarios/dead-destination.js";
import { normalising } from "./scenarios/normalising.js";
import { langsmith } from "./scenarios/langsmith.js";
import { memory } from "./scenarios/memory.js";
import { queries } from "./scenarios/queries.js";
import { rates } from "./scenarios/rates.js";
import { replay } from "./scenarios/replay.js";
import { size } from "./scenarios/size.js";
import { visible } from "./scenarios/visible.js";

/** Every scenario, in the order of the table. */
export const SCENARIOS: readonly Scenario[] = [
  ...ingestScenarios,
  rates,
  visible,
  size,
  memory,
  replay,
  deadDestination,
  analysts,
  compaction,
  queries,
  normalising,
  langsmith,
  datasets,
];
