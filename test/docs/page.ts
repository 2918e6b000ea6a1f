/** Reads the fenced blocks of a Markdown page. The convention is at the top of `commands.test.ts`. */

/** What the harness does with one block. */
export type BlockAction = "run" | "server" | "file" | "expect" | "skip" | "none";

/** One fenced block. */
export interface Block {
  readonly language: string;
  readonly action: BlockAction;
  /** Line of the opening fence, from 1. */
  readonly line: number;
  readonly text: string;
  /** For `run`: the exit code it must end with. */
  readonly exitCode: number;
  /** For `file`: the name to write. For `skip`: the reason. */
  readonly value: string;
}

/** Every fenced block of a page, in order; blocks in HTML comments count, so that a page can hide its set-up. */
export function readBlocks(markdown: string): Block[] {
  const blocks: Block[] = [];
  let open: { fence: string; indent: number; info: string; line: number; lines: string[] } | undefined;
  for (const [index, raw] of markdown.split(/\r?\n/).entries()) {
    if (open === undefined) {
      const match = /^(\s*)(`{3,}|~{3,})\s*(.*)$/.exec(raw);
      if (match === null) continue;
      open = {
        fence: match[2] ?? "",
        indent: (match[1] ?? "").length,
        info: match[3] ?? "",
        line: index + 1,
        lines: [],
      };
    } else if (raw.trim() === open.fence) {
      blocks.push(toBlock(open.info, open.line, `${open.lines.join("\n")}\n`));
      open = undefined;
    } else {
      open.lines.push(raw.slice(Math.min(open.indent, raw.length - raw.trimStart().length)));
    }
  }
  if (open !== undefined) throw new Error(`line ${open.line}: the block is never closed`);
  return blocks;
}

function toBlock(info: string, line: number, text: string): Block {
  const [language = "", ...words] = info.match(/(?:[^\s"]|"[^"]*")+/g) ?? [];
  let action: BlockAction = "none";
  let exitCode = 0;
  let value = "";
  for (const word of words) {
    const [key = "", raw = ""] = word.split(/=(.*)/s);
    const setting = raw.replace(/^"|"$/g, "");
    if (key === "run" && action === "none") action = "run";
    else if (key === "server" && action === "run") action = "server";
    else if (key === "expect" && action === "none") action = "expect";
    else if (key === "exit" && action === "run" && /^\d+$/.test(setting)) exitCode = Number(setting);
    else if ((key === "file" || key === "skip") && action === "none" && setting !== "") {
      action = key;
      value = setting;
    } else throw new Error(`line ${line}: "${word}" means nothing here in a block's first line`);
  }
  return { language, action, line, text, exitCode, value };
}

/** What is missing in the output: the first expected line that does not follow the ones before it. */
export function missingLine(output: string, expected: string): string | undefined {
  const lines = output.split(/\r?\n/);
  let at = 0;
  for (const want of expected.split(/\r?\n/)) {
    if (want.trim() === "" || /^\s*(?:…|\.\.\.)\s*$/.test(want)) continue;
    const parts = want.trim().split(/\s*(?:…|\.\.\.)\s*/);
    const pattern = new RegExp(`^\\s*${parts.map(escape).join(".*")}\\s*$`);
    const found = lines.findIndex((line, index) => index >= at && pattern.test(line));
    if (found === -1) return want.trim();
    at = found + 1;
  }
  return undefined;
}

function escape(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&").replace(/\s+/g, "\\s+");
}
