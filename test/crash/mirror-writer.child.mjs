// Journals and seals small requests without end, until it is killed. Prints "<acknowledged> <sealed>" after each.
import { encodeOtlp } from "../../dist/schema/index.js";
import { openJournal } from "../../dist/journal/index.js";
import { dataDirPaths, openCatalog, openMirror } from "../../dist/store/index.js";

const dir = process.argv[2];
const paths = dataDirPaths(dir);
const journal = await openJournal({ dir: paths.journal });
const catalog = await openCatalog({ mirrorDir: paths.mirror });
const mirror = await openMirror({ dataDir: dir, catalog, sealRows: 40, sealIntervalMs: 10 });
await mirror.start(journal.tail());
journal.onDurable((tail) => mirror.notify(tail));
mirror.onSealed((event) => process.stdout.write(`${journal.tail().seq} ${event.lastSeq}\n`));

for (let n = journal.tail().seq + 1; ; n++) {
  const span = {
    traceId: n.toString(16).padStart(32, "0"),
    spanId: n.toString(16).padStart(16, "0"),
    traceState: "",
    parentSpanId: "",
    flags: 0,
    name: "work",
    kind: 1,
    startTimeUnixNano: 1_795_413_600_000_000_000n,
    endTimeUnixNano: 1_795_413_600_000_001_000n,
    attributes: [],
    droppedAttributesCount: 0,
    events: [],
    droppedEventsCount: 0,
    links: [],
    droppedLinksCount: 0,
  };
  const payload = encodeOtlp("traces", {
    resourceSpans: [{ scopeSpans: [{ spans: [span], schemaUrl: "" }], schemaUrl: "" }],
  });
  await journal.append({
    signal: "traces",
    encoding: "identity",
    payload,
    itemCount: 1,
    receivedUnixNano: 1_795_413_600_000_000_000n,
  });
}
