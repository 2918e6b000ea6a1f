import { type EgressFilter, readEgress } from "../../loop/index.js";
import {
  type Api,
  type ApiHost,
  CounterfoilError,
  EGRESS_KINDS,
  EGRESS_PAGE_MAX,
  timeToUnixNano,
  traceIdOf,
} from "../../schema/index.js";
import type { MirrorReads } from "../mirror-reads.js";
import type { SharedParts } from "../shared-parts.js";
import { jsonReply, wholeNumberIn } from "./json-call.js";

const PATH = "/api/v1/egress";
const LINES_DEFAULT = 100;

/** The egress ledger over HTTP: `GET /api/v1/egress` (`docs/delivery-guarantees.md`). */
export function createEgressApi(_: ApiHost, reads: MirrorReads, { egress }: SharedParts): Api {
  return {
    find(method, path) {
      if (path !== PATH || method !== "GET") return undefined;
      return async ({ query }) => {
        const filter = filterOf(query);
        await egress.note();
        return jsonReply(await readEgress((sql, params) => reads.rows(sql, params), filter));
      };
    },
    close: async () => egress.close(),
  };
}

function filterOf(query: URLSearchParams): EgressFilter {
  const given = (name: string): string | undefined => query.get(name) ?? undefined;
  const [kind, name, to, trace] = ["kind", "name", "to", "trace"].map(given);
  const times = { since: given("since"), until: given("until") };
  if (kind !== undefined && !(EGRESS_KINDS as readonly string[]).includes(kind))
    throw new CounterfoilError("CF_USAGE", `kind must be one of ${EGRESS_KINDS.join(", ")}.`);
  for (const [field, value] of Object.entries(times)) {
    if (value !== undefined && timeToUnixNano(value) === undefined)
      throw new CounterfoilError("CF_USAGE", `${field} must be a time such as 2026-11-23T10:00:00Z.`);
  }
  const traceId = trace === undefined ? undefined : traceIdOf(trace);
  if (trace !== undefined && traceId === undefined)
    throw new CounterfoilError("CF_USAGE", "trace must be a trace id: 32 hex digits, or a UUID.");
  const wanted = Object.entries({ kind, name, to, traceId, ...times }).filter(
    ([, value]) => value !== undefined,
  );
  return {
    ...(Object.fromEntries(wanted) as Omit<EgressFilter, "limit">),
    limit: wholeNumberIn(query, "limit", { least: 1, most: EGRESS_PAGE_MAX }) ?? LINES_DEFAULT,
  };
}
