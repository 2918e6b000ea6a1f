import { stringify } from "yaml";
import type { CollectorConfig } from "./types.js";

/** What secrets are printed as. */
export const SECRET_MASK = "***";

const SECRET_KEYS = new Set(["api_key", "api_keys"]);

/** The configuration in effect as YAML, every default filled in, every secret (keys, header values) masked. */
export function effectiveConfig(config: CollectorConfig): string {
  const { receivers, processors, exporters, ...rest } = config.document;
  const settingsOf = (sections: Readonly<Record<string, { settings: unknown }>>): Record<string, unknown> =>
    Object.fromEntries(Object.entries(sections).map(([id, { settings }]) => [id, settings]));
  return stringify(
    mask({ receivers, processors: settingsOf(processors), exporters: settingsOf(exporters), ...rest }),
    { lineWidth: 0 },
  );
}

function mask(value: unknown, secret = false): unknown {
  if (Array.isArray(value)) return value.map((item) => mask(item, secret));
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [
        key,
        mask(item, secret || SECRET_KEYS.has(key) || key === "headers"),
      ]),
    );
  }
  return secret ? SECRET_MASK : value;
}
