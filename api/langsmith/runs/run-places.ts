import { nanosToRunTime } from "../../../schema/index.js";
import { type MirrorReads, type Row, textAt } from "../../mirror-reads.js";
import type { RunPosition } from "./run-view.js";

interface Node {
  readonly id: string;
  readonly parent: string | undefined;
  readonly segment: string;
}

/**
 * Positions of spans that came as OTLP, by run id: LangSmith's dotted order and ancestors follow from the whole trace. A
 * span whose parent is missing counts as a root, as it does in LangSmith's own view of such a trace.
 */
export async function positionsOf(
  reads: MirrorReads,
  rows: readonly Row[],
): Promise<ReadonlyMap<string, RunPosition>> {
  const positions = new Map<string, RunPosition>();
  const traces = new Set<string>();
  for (const row of rows) {
    const trace = textAt(row, "trace_id");
    if (row["source"] === "langsmith" || trace === undefined) continue;
    // A root's place needs nothing but itself.
    if (row["parent_span_id"] === null) {
      positions.set(textAt(row, "run_id") ?? "", { dottedOrder: segmentOf(row), ancestors: [] });
    } else traces.add(trace);
  }
  if (traces.size === 0) return positions;
  const marks = [...traces].map((_, at) => `$${at + 1}`).join(", ");
  const spans = await reads.rows(
    `SELECT trace_id, span_id, parent_span_id, run_id, epoch_ns(start_time)::VARCHAR AS start_ns FROM spans WHERE trace_id IN (${marks})`,
    [...traces],
  );
  const nodes = new Map<string, Node>();
  for (const span of spans) {
    const trace = textAt(span, "trace_id") ?? "";
    const parent = textAt(span, "parent_span_id");
    const id = textAt(span, "run_id") ?? "";
    nodes.set(`${trace} ${textAt(span, "span_id") ?? ""}`, {
      id,
      parent: parent === undefined ? undefined : `${trace} ${parent}`,
      segment: segmentOf(span),
    });
  }
  for (const node of nodes.values()) positions.set(node.id, positionOf(node, nodes));
  return positions;
}

function segmentOf(span: Row): string {
  const time = nanosToRunTime(BigInt(textAt(span, "start_ns") ?? 0)).replace(/[-:.]|\+.*$/g, "");
  return `${time}Z${textAt(span, "run_id") ?? ""}`;
}

function positionOf(node: Node, nodes: ReadonlyMap<string, Node>): RunPosition {
  const path: Node[] = [];
  const seen = new Set<Node>();
  for (let at: Node | undefined = node; at !== undefined && !seen.has(at);) {
    seen.add(at);
    path.unshift(at);
    at = at.parent === undefined ? undefined : nodes.get(at.parent);
  }
  return {
    dottedOrder: path.map(({ segment }) => segment).join("."),
    ancestors: path.slice(0, -1).map(({ id }) => id),
  };
}
