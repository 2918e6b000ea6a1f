import { nanosToRunTime } from "../../../schema/index.js";
import { type MirrorReads, type Row, textAt } from "../../mirror-reads.js";
import { spanKey } from "./feedback-stats.js";
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
  const given = nodesOf(rows);
  for (const row of rows) {
    const trace = textAt(row, "trace_id");
    const node = given.get(spanKey(row));
    if (row["source"] === "langsmith" || trace === undefined || node === undefined) continue;
    // A root's place needs nothing but itself, and of a whole trace each place is known.
    const path = pathOf(node, given);
    if (path[0]?.parent === undefined) positions.set(node.id, positionAt(path));
    else traces.add(trace);
  }
  if (traces.size === 0) return positions;
  const marks = [...traces].map((_, at) => `$${at + 1}`).join(", ");
  const spans = await reads.rows(
    `SELECT trace_id, span_id, parent_span_id, run_id, epoch_ns(start_time)::VARCHAR AS start_ns FROM spans WHERE trace_id IN (${marks})`,
    [...traces],
  );
  const nodes = nodesOf(spans);
  for (const node of nodes.values()) positions.set(node.id, positionAt(pathOf(node, nodes)));
  return positions;
}

function nodesOf(spans: readonly Row[]): Map<string, Node> {
  return new Map(
    spans.map((span) => {
      const parent = textAt(span, "parent_span_id");
      const node = {
        id: textAt(span, "run_id") ?? "",
        parent: parent === undefined ? undefined : `${textAt(span, "trace_id") ?? ""} ${parent}`,
        segment: segmentOf(span),
      };
      return [spanKey(span), node];
    }),
  );
}

function segmentOf(span: Row): string {
  const time = nanosToRunTime(BigInt(textAt(span, "start_ns") ?? 0)).replace(/[-:.]|\+.*$/g, "");
  return `${time}Z${textAt(span, "run_id") ?? ""}`;
}

/** From the root, or the first whose parent is not there, down to the node. */
function pathOf(node: Node, nodes: ReadonlyMap<string, Node>): Node[] {
  const path: Node[] = [];
  const seen = new Set<Node>();
  for (let at: Node | undefined = node; at !== undefined && !seen.has(at);) {
    seen.add(at);
    path.unshift(at);
    at = at.parent === undefined ? undefined : nodes.get(at.parent);
  }
  return path;
}

function positionAt(path: readonly Node[]): RunPosition {
  return {
    dottedOrder: path.map(({ segment }) => segment).join("."),
    ancestors: path.slice(0, -1).map(({ id }) => id),
  };
}
