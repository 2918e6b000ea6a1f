import { anyValueToText, type Resource } from "../../schema/index.js";
import { attributeMap, textOf, type AttributeMap, type GenAiReading } from "./read-genai.js";
import type { ProjectRoute } from "./types.js";

/** The project of the first route whose every condition holds. */
export function routeProject(
  routes: readonly ProjectRoute[],
  span: AttributeMap,
  resource: Resource | undefined,
  reading: GenAiReading,
): string | undefined {
  if (routes.length === 0) return undefined;
  const resourceAttributes = attributeMap(resource?.attributes ?? []);
  const textAt = (key: string): string | undefined => {
    const value = span.get(key) ?? resourceAttributes.get(key);
    return value === undefined ? undefined : anyValueToText(value);
  };
  const holds = ({ match }: ProjectRoute): boolean =>
    (match.serviceName === undefined || match.serviceName === textOf(reading, "service_name")) &&
    (match.environment === undefined || match.environment === textOf(reading, "environment")) &&
    Object.entries(match.attributes ?? {}).every(([key, wanted]) => textAt(key) === wanted);
  return routes.find(holds)?.project;
}
