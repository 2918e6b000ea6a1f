import { LANGSMITH_ROUTES, type RouteSpec } from "./routes.js";

/** The table of routes in docs/coming-from-langsmith.md, in Markdown: what is done, then what is not. */
export function routesTable(): string {
  const lines = ["| route | for | state |", "| --- | --- | --- |"];
  for (const done of [true, false]) {
    for (const [path, routes] of byPath(done)) {
      const methods = routes.map(({ method }) => method).join(", ");
      const about = routes[0]?.about ?? "";
      lines.push(`| \`${methods} ${path}\` | ${about} | ${done ? "done" : "501"} |`);
    }
  }
  return `${lines.join("\n")}\n`;
}

function byPath(done: boolean): Map<string, RouteSpec[]> {
  const groups = new Map<string, RouteSpec[]>();
  for (const route of LANGSMITH_ROUTES) {
    if ((route.handler !== undefined) !== done) continue;
    groups.set(route.path, [...(groups.get(route.path) ?? []), route]);
  }
  return groups;
}
