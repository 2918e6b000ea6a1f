import { type Paint } from "./paint.js";
import { fit, inert } from "./text.js";
import { formatDurationNs, formatTokens, formatUsd } from "./values.js";

/** Columns of `spans` that one line of `tail` shows. */
export interface TailSpan {
  readonly trace_id: string;
  readonly name: string;
  readonly run_type: string | null;
  readonly start_time: string | null;
  readonly duration_ns: number | string | null;
  readonly status_code: string | null;
  readonly status_message: string | null;
  readonly service_name: string | null;
  readonly model: string | null;
  readonly input_tokens: number | string | null;
  readonly output_tokens: number | string | null;
  readonly cost_usd: number | null;
}

/** One span on one line: time, trace, name, facts, error. Data is made inert. No line feed. */
export function tailLine(span: TailSpan, paint: Paint, width: number | undefined): string {
  const facts = [span.run_type, span.model].filter((fact) => fact !== null).map(inert);
  if (span.duration_ns !== null) facts.push(formatDurationNs(Number(span.duration_ns)));
  const tokens = formatTokens(span.input_tokens, span.output_tokens);
  if (tokens !== "") facts.push(tokens);
  if (span.cost_usd !== null) facts.push(formatUsd(span.cost_usd));
  const time = (span.start_time ?? "").replace("Z", "").slice(11, 23).padEnd(12);
  const trace = inert(span.trace_id.slice(0, 8));
  const service = span.service_name === null ? "" : `${inert(span.service_name)} `;
  const name = inert(span.name) || "(no name)";
  const error = span.status_code === "ERROR" ? ` ✗ ${inert(span.status_message ?? "error")}` : "";
  const plain = `${time} ${trace} ${service}${name}  ${facts.join(" · ")}${error}`;
  if (width !== undefined && fit(plain, width) !== plain) return fit(plain, width);
  const title = error === "" ? paint.bold(name) : paint.bad(name);
  return `${paint.dim(`${time} ${trace}`)} ${paint.accent(service)}${title}  ${paint.dim(facts.join(" · "))}${paint.bad(error)}`;
}
