import { expect, test } from "vitest";
import { environmentLines } from "../../cli/start/banner.js";

test("the lines to paste name the header that a receiver with keys wants, and never show a key", () => {
  expect(environmentLines("http://127.0.0.1:4318", true)).not.toContain("HEADERS");
  expect(environmentLines("http://10.0.0.5:4318", true, true)).toContain(
    "export OTEL_EXPORTER_OTLP_HEADERS=x-api-key=YOUR_KEY",
  );
});
