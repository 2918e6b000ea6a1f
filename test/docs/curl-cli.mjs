// Stands in for curl where a machine has none: the few flags that our pages use, by their long names.
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    silent: { type: "boolean" },
    "show-error": { type: "boolean" },
    fail: { type: "boolean" },
    request: { type: "string", short: "X", default: "GET" },
    header: { type: "string", short: "H", multiple: true, default: [] },
    "data-binary": { type: "string" },
  },
});
const data = values["data-binary"];
const answer = await fetch(positionals[0], {
  method: values.request,
  headers: values.header.map((line) => line.split(/:\s*/, 2)),
  body: data?.startsWith("@") ? readFileSync(data.slice(1)) : data,
});
process.stdout.write(await answer.text());
if (values.fail && !answer.ok) {
  console.error(`curl: (22) The requested URL returned error: ${answer.status}`);
  process.exitCode = 22;
}
