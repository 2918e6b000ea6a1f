import { expect, test } from "vitest";
import { wantedViews } from "../../store/query/wanted-views.js";

const VIEWS = [
  "spans",
  "span_logs",
  "metric_points",
  "traces",
  "ago",
  "threads",
  "llm_calls",
  "tool_calls",
  "messages",
  "costs",
];

function wanted(sql: string): string[] {
  return VIEWS.filter(wantedViews(sql) ?? (() => true));
}

test("a query gets the views that it names, in any case and quotes, and those that they read", () => {
  expect(wanted("SELECT 1")).toEqual([]);
  expect(wanted('FROM "Span_Logs"')).toEqual(["span_logs"]);
  expect(
    wanted("SELECT * FROM spans WHERE start_time > ago(INTERVAL 1 DAY) ORDER BY start_time DESC"),
  ).toEqual(["spans", "ago"]);
  expect(wanted("SELECT * FROM THREADS")).toEqual(["spans", "traces", "threads"]);
  expect(wanted("SELECT * FROM costs JOIN messages USING (project)")).toEqual(["spans", "messages", "costs"]);
});

test.each(["SHOW TABLES", "DESC", "/* all */ desc", "FROM (DESC)", "FROM (DESCRIBE)", "FROM duckdb_views()"])(
  "every view is there for a statement that lists them: %s",
  (sql) => {
    expect(wanted(sql)).toEqual(VIEWS);
  },
);
