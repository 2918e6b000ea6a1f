import { z } from "zod";
import { COMPONENTS, fileShape, pipelineSchema, type ComponentKind } from "./schema.js";

type JsonSchema = Record<string, unknown>;

/** The file's JSON Schema (draft 2020-12) for editors; committed as `docs/config.schema.json`. */
export function configJsonSchema(): JsonSchema {
  const file = toJsonSchema(fileShape) as { properties: Record<string, JsonSchema> } & JsonSchema;
  const kinds = Object.keys(COMPONENTS) as ComponentKind[];
  for (const kind of kinds) {
    file.properties[kind] = componentSchema(kind);
  }
  const service = file.properties["service"] as { properties: Record<string, JsonSchema> };
  service.properties["pipelines"] = {
    type: "object",
    minProperties: 1,
    patternProperties: { "^(traces|logs|metrics)(/.+)?$": toJsonSchema(pipelineSchema) },
    additionalProperties: false,
  };
  const { $schema, ...rest } = file;
  return { $schema, title: "Counterfoil configuration", ...rest };
}

function componentSchema(kind: ComponentKind): JsonSchema {
  const types: Readonly<Record<string, z.ZodType>> = COMPONENTS[kind];
  const named = (type: string): string => (type === "otlp" || type === "mirror" ? "" : "(/.+)?");
  return {
    type: kind === "processors" ? ["object", "null"] : "object",
    patternProperties: Object.fromEntries(
      Object.entries(types).map(([type, schema]) => [`^${type}${named(type)}$`, toJsonSchema(schema)]),
    ),
    additionalProperties: false,
  };
}

function toJsonSchema(schema: z.ZodType): JsonSchema {
  const { $schema, ...rest } = z.toJSONSchema(schema, { io: "input" });
  return schema === fileShape ? { $schema, ...rest } : rest;
}
