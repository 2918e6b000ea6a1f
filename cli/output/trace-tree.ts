import { type Utterance, readMessages } from "./messages.js";
import { type Paint } from "./paint.js";
import { fit, inert, inertLines } from "./text.js";
import { formatDurationNs, formatTokens, formatUsd } from "./values.js";

/** What the tree shows of one span: columns of the `spans` view, 64-bit integers as numbers or decimal text. */
export interface TreeSpan {
  readonly span_id: string;
  readonly parent_span_id: string | null;
  readonly name: string;
  readonly run_type: string | null;
  readonly duration_ns: string | number | null;
  readonly status_code: string | null;
  readonly status_message: string | null;
  readonly error_type: string | null;
  readonly model: string | null;
  readonly input_tokens: string | number | null;
  readonly output_tokens: string | number | null;
  readonly cost_usd: number | null;
  readonly system_instructions?: string | null;
  readonly input_messages?: string | null;
  readonly output_messages?: string | null;
  readonly tool_arguments?: string | null;
  readonly tool_result?: string | null;
  readonly retrieval_documents?: string | null;
}

/** How to draw. */
export interface TreeOptions {
  readonly paint: Paint;
  /** Cells of the terminal. Absent: lines of content are still cut, at 160. */
  readonly width?: number | undefined;
  /** Shows prompts, answers and tool data under each span. */
  readonly content: boolean;
  /** Shows content whole instead of its first lines. */
  readonly full: boolean;
}

interface Node {
  readonly span: TreeSpan;
  /** Why a span that has a parent stands at the top. */
  readonly note: string;
  /** What stands before the span's own line, and before the lines below it. */
  readonly prefix: string;
  readonly below: string;
  readonly children: readonly TreeSpan[];
}

const CONTENT_CELLS = 160;
/** Levels drawn with branches; deeper spans stand in one column with their depth, so that lines stay readable. */
const DEPTH_DRAWN = 24;
/** Messages of a growing chat history shown before the newest; the rest is counted. */
const HISTORY_SHOWN = 2;

/**
 * Draws the spans of one trace as a tree, in the order given among siblings. A span whose parent is not there stands
 * at the top and says so; a cycle of parents is cut. Spans come from anyone: all text is made inert.
 */
export function renderTraceTree(spans: readonly TreeSpan[], options: TreeOptions): string {
  const lines: string[] = [];
  for (const node of arrange(spans)) {
    lines.push(spanLine(node, options));
    if (!options.content) continue;
    const bar = node.children.length > 0 ? "│ " : "  ";
    for (const line of contentLines(node.span, options, node.below.length + bar.length)) {
      lines.push(`${options.paint.dim(node.below + bar)}  ${line}`);
    }
  }
  return lines.length === 0 ? "" : `${lines.join("\n")}\n`;
}

/** The spans depth first with what is drawn before each. No recursion: a trace may be a chain of thousands. */
function arrange(spans: readonly TreeSpan[]): Node[] {
  const known = new Set(spans.map((span) => span.span_id));
  const children = new Map<string, TreeSpan[]>();
  const tops: TreeSpan[] = [];
  for (const span of spans) {
    const parent = span.parent_span_id;
    if (parent === null || parent === "" || !known.has(parent) || parent === span.span_id) tops.push(span);
    else children.set(parent, [...(children.get(parent) ?? []), span]);
  }
  const nodes: Node[] = [];
  const seen = new Set<string>();
  const walk = (top: TreeSpan, note: string): void => {
    const stack = [{ span: top, note, prefix: "", below: "", depth: 0 }];
    for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
      if (seen.has(next.span.span_id)) continue;
      seen.add(next.span.span_id);
      const own = (children.get(next.span.span_id) ?? []).filter((child) => !seen.has(child.span_id));
      nodes.push({ ...next, children: own });
      for (const [index, child] of [...own.entries()].reverse()) {
        const last = index === own.length - 1;
        const depth = next.depth + 1;
        const drawn = depth <= DEPTH_DRAWN;
        stack.push({
          span: child,
          note: "",
          prefix: drawn ? `${next.below}${last ? "└─ " : "├─ "}` : `┊ depth ${depth} `,
          below: drawn ? `${next.below}${last ? "   " : "│  "}` : "┊  ",
          depth,
        });
      }
    }
  };
  for (const top of tops) walk(top, missingParent(top));
  for (const span of spans) if (!seen.has(span.span_id)) walk(span, "parents form a cycle");
  return nodes;
}

function missingParent(span: TreeSpan): string {
  const parent = span.parent_span_id;
  return parent === null || parent === "" ? "" : `parent ${parent} not here`;
}

function spanLine(node: Node, options: TreeOptions): string {
  const { paint } = options;
  const { span } = node;
  const failed = span.status_code === "ERROR";
  const name = inert(span.name) || "(no name)";
  const facts = spanFacts(span);
  const note = node.note === "" ? "" : ` (${inert(node.note)})`;
  const error = failed ? ` ✗ ${inert(span.status_message ?? span.error_type ?? "error")}` : "";
  const mark = failed ? paint.bad(name) : paint.bold(name);
  const cells = options.width;
  const plain = `${node.prefix}${name}${facts === "" ? "" : `  ${facts}`}${note}${error}`;
  if (cells !== undefined && fit(plain, cells) !== plain) return fit(plain, cells);
  return `${paint.dim(node.prefix)}${mark}${facts === "" ? "" : `  ${paint.dim(facts)}`}${paint.warn(note)}${paint.bad(error)}`;
}

/** Type, time, model, tokens and cost of one span, only what it has. */
function spanFacts(span: TreeSpan): string {
  const facts: string[] = [];
  if (span.run_type !== null) facts.push(inert(span.run_type));
  if (span.duration_ns !== null) facts.push(formatDurationNs(Number(span.duration_ns)));
  if (span.model !== null) facts.push(inert(span.model));
  const tokens = formatTokens(span.input_tokens, span.output_tokens);
  if (tokens !== "") facts.push(tokens);
  if (span.cost_usd !== null) facts.push(formatUsd(span.cost_usd));
  return facts.join(" · ");
}

function contentLines(span: TreeSpan, options: TreeOptions, indent: number): string[] {
  const said: Utterance[] = [];
  if (options.full) said.push(...column(span.system_instructions, "system"));
  const history = column(span.input_messages, "input");
  const skipped = options.full ? 0 : Math.max(0, history.length - HISTORY_SHOWN);
  if (skipped > 0) said.push({ who: "…", text: `${skipped} earlier message${skipped === 1 ? "" : "s"}` });
  said.push(...history.slice(skipped));
  said.push(...raw(span.tool_arguments, "arguments"));
  said.push(...raw(span.retrieval_documents, "documents"));
  said.push(...raw(span.tool_result, "result"));
  said.push(...column(span.output_messages, "output"));
  const cells = Math.max(30, (options.width ?? CONTENT_CELLS) - indent - 2);
  return said.flatMap(({ who, text }) => {
    const label = `${inert(who)}: `;
    if (!options.full) return [options.paint.accent(label) + fit(inert(oneLine(text)), cells - label.length)];
    const [first = "", ...rest] = inertLines(text).split("\n");
    return [options.paint.accent(label) + first, ...rest.map((line) => `  ${line}`)];
  });
}

function column(json: string | null | undefined, fallback: string): Utterance[] {
  return json === null || json === undefined ? [] : readMessages(json, fallback);
}

function raw(text: string | null | undefined, who: string): Utterance[] {
  return text === null || text === undefined ? [] : [{ who, text }];
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, " ").trim();
}
