import * as fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { csvLine } from "../../schema/index.js";
import { readMessages } from "../../cli/output/messages.js";
import { renderPlans } from "../../cli/rules/render-plan.js";
import { createPaint, wantsColor } from "../../cli/output/paint.js";
import { createProgress, progressLine } from "../../cli/output/progress.js";
import { renderTable } from "../../cli/output/table.js";
import { displayWidth, fit, inert, inertLines, pad } from "../../cli/output/text.js";
import { formatBytes, formatCount, formatDurationNs, formatUsd } from "../../cli/output/values.js";

/** Text that attacks a terminal, and text that breaks widths. */
const nasty = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.string({ unit: "grapheme" }),
  fc.constantFrom(
    "\u001b[2J",
    "\u009b31m",
    "a\rb",
    "\u202eabc",
    "日本語",
    "👩‍👩‍👧",
    "e\u0301",
    "\ud800",
    "\u001b]0;x\u0007",
  ),
);

describe("text from outside", () => {
  it("made inert has no control, reordering or unpaired character, whatever went in", () => {
    fc.assert(
      fc.property(nasty, (text) => {
        expect(inert(text)).not.toMatch(/[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u200e\u200f\u202a-\u202e\u2066-\u2069]/u);
      }),
      { numRuns: 2000 },
    );
  });

  it("shows what was there: ESC as its picture, C1 and reordering controls by code, ordinary text unchanged", () => {
    expect(inert("\u001b[31mred\u0007\n")).toBe("␛[31mred␇␊");
    expect(inert("\u009b2J\u202e")).toBe("{U+009B}2J{U+202E}");
    expect(inert("naïve 日本 👩‍👩‍👧 ok")).toBe("naïve 日本 👩‍👩‍👧 ok");
    expect(inertLines("a\tb\r\nc\u001b")).toBe("a  b\nc␛");
  });

  it("is as wide as a terminal draws it", () => {
    expect(["abc", "日本", "e\u0301", "👩‍👩‍👧", "🏨", "─", ""].map(displayWidth)).toEqual([3, 4, 1, 2, 2, 1, 0]);
  });

  it("cut to a width never exceeds it, is a prefix with an ellipsis, and is untouched when it fits", () => {
    fc.assert(
      fc.property(nasty, fc.nat(40), (text, cells) => {
        const plain = inert(text);
        const cut = fit(plain, cells);
        expect(displayWidth(cut)).toBeLessThanOrEqual(cells);
        if (displayWidth(plain) <= cells && cells > 0) expect(cut).toBe(plain);
        else if (cells > 0) expect(plain.startsWith(cut.slice(0, -1)) && cut.endsWith("…")).toBe(true);
      }),
      { numRuns: 1000 },
    );
    expect(pad("日", 4) + pad("7", 3, "right")).toBe("日    7");
  });
});

describe("tables", () => {
  it("line up under their headings, numbers to the right, and end in a line feed", () => {
    const text = renderTable({
      columns: [{ name: "name" }, { name: "n", align: "right" }],
      rows: [
        ["日本", "7"],
        ["abc\u001b[0m", "1234"],
      ],
    });
    expect(text.split("\n")).toEqual([
      "name        n",
      "───────  ────",
      "日本        7",
      "abc␛[0m  1234",
      "",
    ]);
  });

  it("never exceed the terminal, whatever the data and however many columns", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 20, max: 120 }),
        fc
          .integer({ min: 1, max: 12 })
          .chain((count) =>
            fc.tuple(
              fc.array(fc.string({ minLength: 1, maxLength: 12 }), { minLength: count, maxLength: count }),
              fc.array(fc.array(nasty, { minLength: count, maxLength: count }), { maxLength: 5 }),
            ),
          ),
        (width, [names, rows]) => {
          const text = renderTable({ columns: names.map((name) => ({ name })), rows, width });
          for (const line of text.split("\n")) expect(displayWidth(line)).toBeLessThanOrEqual(width);
        },
      ),
      { numRuns: 300 },
    );
  });

  it("give spare width to the columns that need it", () => {
    const wide = "x".repeat(50);
    const text = renderTable({ columns: [{ name: "id" }, { name: "text" }], rows: [["1", wide]], width: 30 });
    expect(text.split("\n")[2]).toBe(`1   ${"x".repeat(25)}…`);
  });

  it("become one block per row when the columns can't fit", () => {
    const columns = Array.from({ length: 10 }, (_, index) => ({ name: `column_${index}` }));
    const text = renderTable({ columns, rows: [columns.map((_, index) => `value ${index}`)], width: 40 });
    expect(text).toContain("── row 1 ");
    expect(text).toContain("column_9  value 9");
  });
});

describe("CSV", () => {
  /** A reader of RFC 4180 written apart from the writer. */
  const parse = (line: string): (string | null)[] => {
    const cells: (string | null)[] = [];
    let rest = line.replace(/\r\n$/, "");
    for (;;) {
      const quoted = /^"((?:[^"]|"")*)"/.exec(rest);
      const cell = quoted?.[0] ?? /^[^,]*/.exec(rest)?.[0] ?? "";
      cells.push(quoted ? (quoted[1] ?? "").replaceAll('""', '"') : cell === "" ? null : cell);
      rest = rest.slice(cell.length);
      if (rest === "") return cells;
      rest = rest.slice(1);
      if (rest === "") return [...cells, null];
    }
  };

  it("comes back cell for cell, null apart from the empty string", () => {
    fc.assert(
      fc.property(
        fc.array(fc.option(fc.oneof(nasty, fc.constantFrom('"', ",", "\r\n", ""))), { minLength: 1 }),
        (cells) => {
          expect(parse(csvLine(cells))).toEqual(cells);
        },
      ),
    );
  });

  it("made formula-safe starts no cell with what a spreadsheet runs, and leaves numbers alone", () => {
    expect(csvLine(["=1+1", "@x", "-5", "+1.5e3", "-x", "a"], { formulaSafe: true })).toBe(
      "'=1+1,'@x,-5,+1.5e3,'-x,a\r\n",
    );
    expect(csvLine(["=1+1"])).toBe("=1+1\r\n");
  });
});

describe("numbers for people", () => {
  it("carry their unit and enough digits", () => {
    expect([0, 850, 12_345, 1_234_567, 12_345_678, 1.2e9, 125e9, 3_720e9].map(formatDurationNs)).toEqual([
      "0 ns",
      "850 ns",
      "12 µs",
      "1.23 ms",
      "12.3 ms",
      "1.20 s",
      "2m 05s",
      "1h 02m",
    ]);
    expect([0, 512, 3.4 * 1024 * 1024].map(formatBytes)).toEqual(["0 B", "512 B", "3.4 MiB"]);
    expect([0, 4.8e-7, 0.0001234, 0.045, 12.3].map(formatUsd)).toEqual([
      "$0",
      "<$0.000001",
      "$0.000123",
      "$0.0450",
      "$12.30",
    ]);
    expect(formatCount(1234567n)).toBe("1,234,567");
  });

  it("never jump from seconds to 60 s or from minutes to 60m", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1e15 }), (ns) => {
        expect(formatDurationNs(ns)).not.toMatch(/^60(?:\.00)? s|60m|m 60s|^1000 (?:ns|µs|ms)/);
      }),
      { examples: [[59_996_000_000], [999_600_000], [3_599_900_000_000], [999_700]] },
    );
  });
});

describe("progress", () => {
  const stream = (
    isTTY: boolean,
  ): { isTTY: boolean; columns: number; text: string; write(text: string): void } => ({
    isTTY,
    columns: 60,
    text: "",
    write(text) {
      this.text += text;
    },
  });

  it("is silent when standard error is no terminal", () => {
    vi.useFakeTimers();
    const out = stream(false);
    const progress = createProgress({ label: "replay", stream: out, delayMs: 0 });
    progress.update(1, 2);
    vi.advanceTimersByTime(60_000);
    progress.end();
    vi.useRealTimers();
    expect(out.text).toBe("");
  });

  it("appears on a terminal only after its delay, and takes its line away", async () => {
    const early = stream(true);
    const quick = createProgress({ label: "replay", stream: early });
    const out = stream(true);
    const slow = createProgress({ label: "replay", stream: out, delayMs: 0 });
    slow.update(1, 4);
    await expect.poll(() => out.text).toContain("25%");
    slow.end();
    quick.end();
    expect(out.text.endsWith("\r\u001b[2K")).toBe(true);
    expect(early.text).toBe("");
    expect(progressLine("x", { done: 5, total: 4 }, 0)).toContain("100%");
  });
});

describe("colours", () => {
  it("follow NO_COLOR and FORCE_COLOR before the terminal", () => {
    expect(wantsColor({ isTTY: true }, {})).toBe(true);
    expect(wantsColor({ isTTY: true }, { NO_COLOR: "1" })).toBe(false);
    expect(wantsColor({ isTTY: true }, { TERM: "dumb" })).toBe(false);
    expect(wantsColor({}, {})).toBe(false);
    expect(wantsColor({}, { FORCE_COLOR: "1" })).toBe(true);
    expect(createPaint(false).bad("x")).toBe("x");
    expect(createPaint(true).bad("x")).toBe("\u001b[31mx\u001b[39m");
  });
});

describe("messages", () => {
  it("are read from the GenAI convention's shape: text, tool calls, tool answers, reasoning", () => {
    const json = JSON.stringify([
      { role: "user", parts: [{ type: "text", content: "Can I cancel?" }] },
      {
        role: "assistant",
        parts: [
          { type: "reasoning", content: "hm" },
          { type: "tool_call", name: "lookup", arguments: { id: 7 } },
        ],
      },
      { role: "tool", parts: [{ type: "tool_call_response", response: "no" }] },
    ]);
    expect(readMessages(json, "input")).toEqual([
      { who: "user", text: "Can I cancel?" },
      { who: "assistant", text: "(reasoning) hm" },
      { who: "assistant", text: '⇒ lookup({"id":7})' },
      { who: "tool", text: "⇐ no" },
    ]);
  });

  it("in other shapes are shown too, never dropped", () => {
    expect(readMessages("just text", "input")).toEqual([{ who: "input", text: "just text" }]);
    expect(readMessages('[{"role":"user","content":"hi"}]', "input")).toEqual([{ who: "user", text: "hi" }]);
    expect(readMessages('[{"type":"text","content":"be kind"}]', "system")).toEqual([
      { who: "system", text: "be kind" },
    ]);
    expect(readMessages('{"odd":1}', "input")).toEqual([{ who: "input", text: '{"odd":1}' }]);
    fc.assert(
      fc.property(fc.json(), (json) => {
        for (const { who, text } of readMessages(json, "input"))
          expect(typeof who + typeof text).toBe("stringstring");
      }),
    );
  });
});

it("shows what applying a rule changes by the path of each value, and nothing that stays", () => {
  const action = { type: "add_to_dataset", dataset: "golden", guards: { duplicates: "near" } };
  const before = { name: "a", filter: "x", actions: [action] };
  const guards = { quarantine: true, redact: [{ pattern: "\\d\u001b" }] };
  const after = { name: "a", actions: [{ ...action, splits: ["a", "b"], guards }], where: "true" };
  expect(renderPlans([{ name: "a", change: "update", before, after }], createPaint(false))).toBe(
    `~ a update
    - filter: x
    - actions[0].guards.duplicates: near
    + actions[0].guards.quarantine: true
    + actions[0].guards.redact[0].pattern: \\d${inert("\u001b")}
    + actions[0].splits: ["a","b"]
    + where: true
`,
  );
});
