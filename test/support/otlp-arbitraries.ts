import fc from "fast-check";
import {
  type AnyValue,
  type InstrumentationScope,
  type KeyValue,
  type LogsData,
  type MetricsData,
  type Resource,
  type Span,
  SPAN_RULES,
  type TracesData,
} from "../../schema/index.js";

const knownKeys = SPAN_RULES.flatMap((rule) => rule.sources);
const hostile = [
  "",
  "a'b\"c\\",
  "\u0000",
  "\u{1F600}é漢",
  " \n\t",
  "__proto__",
  "1",
  "[]",
  '{"a":1}',
  "null",
  "12.5",
];

const text = fc.oneof(
  fc.string({ unit: "binary", maxLength: 30 }),
  fc.constantFrom(...hostile),
  fc.string({ minLength: 60, maxLength: 200 }),
);
const key = fc.oneof(
  { arbitrary: fc.constantFrom(...knownKeys, "langsmith.metadata.a", "langsmith.span.kind"), weight: 4 },
  { arbitrary: text, weight: 2 },
);
const uint32 = fc.oneof(fc.constantFrom(0, 1, 0xffff_ffff), fc.nat());
const plainTime = fc.oneof(
  fc.constantFrom(0n, 1n, 1_795_413_600_123_456_789n, 2n ** 63n - 2n),
  fc.bigInt({ min: 0n, max: 2n ** 63n - 2n }),
);
const anyTime = fc.oneof(plainTime, fc.constantFrom(2n ** 63n - 1n, 2n ** 63n, 2n ** 64n - 1n));
const int64 = fc.oneof(
  fc.constantFrom(0n, -1n, 2n ** 53n, -(2n ** 53n) - 1n, 2n ** 63n - 1n, -(2n ** 63n)),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
);
const double = fc.oneof(
  fc.double(),
  fc.constantFrom(-0, 0, 1, 1e21, 1e-7, 5e-324, Number.MAX_VALUE, Number.NaN, Infinity, -Infinity, 0.1),
);

interface Around {
  readonly resource: fc.Arbitrary<Resource>;
  readonly scope: fc.Arbitrary<InstrumentationScope>;
}

function grouped<T>(item: fc.Arbitrary<T>, name: string, around: Around) {
  const scopeGroup = fc.record(
    { scope: around.scope, [name]: fc.array(item, { maxLength: 4 }), schemaUrl: text },
    { requiredKeys: [name, "schemaUrl"] as never },
  );
  return (scopes: string) =>
    fc.record(
      { resource: around.resource, [scopes]: fc.array(scopeGroup, { maxLength: 2 }), schemaUrl: text },
      { requiredKeys: [scopes, "schemaUrl"] as never },
    );
}

/** Arbitrary requests of each signal. */
export interface OtlpArbitraries {
  readonly traces: fc.Arbitrary<TracesData>;
  readonly logs: fc.Arbitrary<LogsData>;
  readonly metrics: fc.Arbitrary<MetricsData>;
}

/**
 * Requests with every kind of value. `plain` ones hold only what the mirror's columns can carry exactly; the others
 * also repeated keys, bytes and NaN inside arrays, empty values, times beyond 2262.
 */
export function otlpArbitraries({ plain }: { readonly plain: boolean }): OtlpArbitraries {
  const time = plain ? plainTime : anyTime;
  const scalars = [
    text.map((stringValue): AnyValue => ({ stringValue })),
    fc.boolean().map((boolValue): AnyValue => ({ boolValue })),
    int64.map((intValue): AnyValue => ({ intValue })),
    (plain ? double.filter(Number.isFinite) : double).map((doubleValue): AnyValue => ({ doubleValue })),
    fc.constant<AnyValue>({}),
  ];
  const ambiguous = fc
    .uint8Array({ maxLength: 20 })
    .map((bytesValue): AnyValue => ({ bytesValue: new Uint8Array(bytesValue) }));
  const nested = fc.letrec<{ value: AnyValue; pair: KeyValue }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 3, withCrossShrink: true },
      ...scalars,
      ...(plain ? [] : [ambiguous]),
      fc.array(tie("value"), { maxLength: 4 }).map((values): AnyValue => ({ arrayValue: { values } })),
      (plain
        ? fc.uniqueArray(tie("pair"), { maxLength: 4, selector: (pair) => pair.key })
        : fc.array(tie("pair"), { maxLength: 4 })
      ).map((values): AnyValue => ({ kvlistValue: { values } })),
    ),
    pair: fc.record({ key, value: tie("value") }),
  })).value;
  // An attribute of its own may be bytes, empty or not a number: its type code says so.
  const anyValue = fc.oneof(
    { arbitrary: nested, weight: 5 },
    ambiguous,
    double.map((doubleValue) => ({ doubleValue })),
  );

  const attribute: fc.Arbitrary<KeyValue> = fc.oneof(
    { arbitrary: fc.record({ key, value: anyValue }), weight: 12 },
    { arbitrary: key.map((name): KeyValue => ({ key: name })), weight: 1 },
  );

  const distinct = (item: fc.Arbitrary<KeyValue>): fc.Arbitrary<KeyValue[]> =>
    fc.uniqueArray(item, { maxLength: 8, selector: (pair) => pair.key });
  const ownAttributes: fc.Arbitrary<KeyValue[]> = plain
    ? distinct(attribute)
    : fc.oneof(
        { arbitrary: distinct(attribute), weight: 4 },
        { arbitrary: fc.array(attribute, { maxLength: 6 }), weight: 1 },
      );
  // Inside JSON (events, links, resources, scopes) there is no type code.
  const attributes = plain ? distinct(fc.record({ key, value: nested })) : ownAttributes;

  const traceId = fc
    .uint8Array({ minLength: 16, maxLength: 16 })
    .map((id) => Buffer.from(id).toString("hex"));
  const spanId = fc.uint8Array({ minLength: 8, maxLength: 8 }).map((id) => Buffer.from(id).toString("hex"));
  const enumNumber = fc.oneof(fc.integer({ min: 0, max: 6 }), fc.constantFrom(-1, 2 ** 31 - 1, -(2 ** 31)));

  const event = fc.record({
    timeUnixNano: time,
    name: fc.oneof(text, fc.constant("exception")),
    attributes,
    droppedAttributesCount: uint32,
  });
  const link = fc.record({
    traceId,
    spanId,
    traceState: text,
    attributes,
    droppedAttributesCount: uint32,
    flags: uint32,
  });

  const span: fc.Arbitrary<Span> = fc.record(
    {
      traceId,
      spanId,
      traceState: text,
      parentSpanId: fc.oneof(spanId, fc.constant("")),
      flags: uint32,
      name: text,
      kind: enumNumber,
      startTimeUnixNano: time,
      endTimeUnixNano: time,
      attributes: ownAttributes,
      droppedAttributesCount: uint32,
      events: fc.array(event, { maxLength: 3 }),
      droppedEventsCount: uint32,
      links: fc.array(link, { maxLength: 2 }),
      droppedLinksCount: uint32,
      status: fc.record({ code: enumNumber, message: text }),
    },
    {
      requiredKeys: [
        "traceId",
        "spanId",
        "traceState",
        "parentSpanId",
        "flags",
        "name",
        "kind",
        "startTimeUnixNano",
        "endTimeUnixNano",
        "attributes",
        "droppedAttributesCount",
        "events",
        "droppedEventsCount",
        "links",
        "droppedLinksCount",
      ],
    },
  );

  const resource: fc.Arbitrary<Resource> = fc.record({
    attributes: fc.oneof(
      attributes,
      fc.constant<KeyValue[]>([
        { key: "service.name", value: { stringValue: "shop" } },
        { key: "deployment.environment", value: { stringValue: "test" } },
      ]),
    ),
    droppedAttributesCount: uint32,
    entityRefs: fc.array(
      fc.record({
        schemaUrl: text,
        type: text,
        idKeys: fc.array(text, { maxLength: 2 }),
        descriptionKeys: fc.array(text, { maxLength: 2 }),
      }),
      { maxLength: 2 },
    ),
  });
  const scope: fc.Arbitrary<InstrumentationScope> = fc.record({
    name: text,
    version: text,
    attributes,
    droppedAttributesCount: uint32,
  });

  const around = { resource, scope };
  const tracesData: fc.Arbitrary<TracesData> = fc
    .array(grouped(span, "spans", around)("scopeSpans"), { minLength: 1, maxLength: 3 })
    .map((resourceSpans) => ({ resourceSpans }) as unknown as TracesData);

  const logRecord = fc.record(
    {
      timeUnixNano: time,
      observedTimeUnixNano: time,
      severityNumber: enumNumber,
      severityText: text,
      body: anyValue,
      attributes: fc.oneof(ownAttributes, fc.constant([{ key: "event.name", value: { stringValue: "e" } }])),
      droppedAttributesCount: uint32,
      flags: uint32,
      traceId: fc.oneof(traceId, fc.constant("")),
      spanId: fc.oneof(spanId, fc.constant("")),
      eventName: text,
    },
    {
      requiredKeys: [
        "timeUnixNano",
        "observedTimeUnixNano",
        "severityNumber",
        "severityText",
        "attributes",
        "droppedAttributesCount",
        "flags",
        "traceId",
        "spanId",
        "eventName",
      ],
    },
  );

  const logsData: fc.Arbitrary<LogsData> = fc
    .array(grouped(logRecord, "logRecords", around)("scopeLogs"), { minLength: 1, maxLength: 3 })
    .map((resourceLogs) => ({ resourceLogs }) as unknown as LogsData);

  const pointBase = { attributes, startTimeUnixNano: time, timeUnixNano: time, flags: uint32 };
  const pointKeys = ["attributes", "startTimeUnixNano", "timeUnixNano", "flags"] as const;
  const exemplar = fc.oneof(
    fc.record({ filteredAttributes: attributes, timeUnixNano: time, asDouble: double, spanId, traceId }),
    fc.record({ filteredAttributes: attributes, timeUnixNano: time, asInt: int64, spanId, traceId }),
  );
  const exemplars = fc.array(exemplar, { maxLength: 2 });
  const numberPoint = fc.oneof(
    fc.record({ ...pointBase, exemplars, asDouble: double }),
    fc.record({ ...pointBase, exemplars, asInt: int64 }),
    fc.record({ ...pointBase, exemplars }),
  );
  const histogramPoint = fc.record(
    {
      ...pointBase,
      exemplars,
      count: time,
      sum: double,
      min: double,
      max: double,
      bucketCounts: fc.array(time, { maxLength: 4 }),
      explicitBounds: fc.array(double, { maxLength: 3 }),
    },
    { requiredKeys: [...pointKeys, "exemplars", "count", "bucketCounts", "explicitBounds"] },
  );
  const buckets = fc.record({ offset: fc.integer(), bucketCounts: fc.array(time, { maxLength: 3 }) });
  const exponentialPoint = fc.record(
    {
      ...pointBase,
      exemplars,
      count: time,
      sum: double,
      scale: fc.integer(),
      zeroCount: time,
      positive: buckets,
      negative: buckets,
      min: double,
      max: double,
      zeroThreshold: double,
    },
    { requiredKeys: [...pointKeys, "exemplars", "count", "scale", "zeroCount", "zeroThreshold"] },
  );
  const summaryPoint = fc.record({
    ...pointBase,
    count: time,
    sum: double,
    quantileValues: fc.array(fc.record({ quantile: double, value: double }), { maxLength: 3 }),
  });
  const points = <T>(point: fc.Arbitrary<T>) => fc.array(point, { maxLength: 3 });
  const head = { name: text, description: text, unit: text, metadata: attributes };
  const metric = fc.oneof(
    fc.record({ ...head, gauge: fc.record({ dataPoints: points(numberPoint) }) }),
    fc.record({
      ...head,
      sum: fc.record({
        dataPoints: points(numberPoint),
        aggregationTemporality: enumNumber,
        isMonotonic: fc.boolean(),
      }),
    }),
    fc.record({
      ...head,
      histogram: fc.record({ dataPoints: points(histogramPoint), aggregationTemporality: enumNumber }),
    }),
    fc.record({
      ...head,
      exponentialHistogram: fc.record({
        dataPoints: points(exponentialPoint),
        aggregationTemporality: enumNumber,
      }),
    }),
    fc.record({ ...head, summary: fc.record({ dataPoints: points(summaryPoint) }) }),
  );

  const metricsData: fc.Arbitrary<MetricsData> = fc
    .array(grouped(metric, "metrics", around)("scopeMetrics"), { minLength: 1, maxLength: 3 })
    .map((resourceMetrics) => ({ resourceMetrics }) as unknown as MetricsData);

  return { traces: tracesData, logs: plain ? logsData.map(oneEventName) : logsData, metrics: metricsData };
}

/** A record that has both event names can't be told from its columns; plain ones have one. */
function oneEventName(data: LogsData): LogsData {
  for (const group of data.resourceLogs) {
    for (const scope of group.scopeLogs) {
      for (const record of scope.logRecords) {
        if (record.attributes.some(({ key: name }) => name === "event.name")) record.eventName = "";
      }
    }
  }
  return data;
}
