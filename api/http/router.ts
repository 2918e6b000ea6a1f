/** What a route is found by. `path` has named segments in braces: `/runs/{run_id}`. */
export interface RoutePattern {
  readonly method: string;
  readonly path: string;
}

/** A route, and what its named segments are in this path. */
export interface RouteMatch<Route> {
  readonly route: Route;
  readonly params: Readonly<Record<string, string>>;
}

interface Entry<Route> {
  readonly route: Route;
  readonly segments: readonly string[];
}

/**
 * Finds routes by method and path. A literal segment beats a named one, so `/datasets/upload` is not the dataset
 * "upload". Segments are percent-decoded; one that can't be decoded matches nothing.
 */
export class Router<Route extends RoutePattern> {
  readonly #byShape = new Map<string, Entry<Route>[]>();

  constructor(routes: readonly Route[]) {
    for (const route of routes) {
      const segments = segmentsOf(route.path);
      const shape = `${route.method} ${segments.length}`;
      const list = this.#byShape.get(shape) ?? [];
      list.push({ route, segments });
      this.#byShape.set(shape, list);
    }
    // Literal segments first, compared from the left.
    for (const list of this.#byShape.values())
      list.sort((a, b) => rank(a.segments).localeCompare(rank(b.segments)));
  }

  /** Undefined when no route has this method and path. */
  find(method: string, path: string): RouteMatch<Route> | undefined {
    const given = segmentsOf(path);
    for (const { route, segments } of this.#byShape.get(`${method} ${given.length}`) ?? []) {
      const params = paramsOf(segments, given);
      if (params !== undefined) return { route, params };
    }
    return undefined;
  }
}

function segmentsOf(path: string): string[] {
  return path.split("/").filter((segment) => segment !== "");
}

function rank(segments: readonly string[]): string {
  return segments.map((segment) => (segment.startsWith("{") ? "1" : "0")).join("");
}

function paramsOf(segments: readonly string[], given: readonly string[]): Record<string, string> | undefined {
  const params: Record<string, string> = {};
  for (const [at, segment] of segments.entries()) {
    const value = given[at] ?? "";
    if (!segment.startsWith("{")) {
      if (segment !== value) return undefined;
      continue;
    }
    try {
      params[segment.slice(1, -1)] = decodeURIComponent(value);
    } catch {
      return undefined;
    }
  }
  return params;
}
