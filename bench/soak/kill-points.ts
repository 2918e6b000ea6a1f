/**
 * Preloaded into `counterfoil start` (`node --import`), not into its child processes: ends the process with
 * SIGKILL at one exact operation, named by COUNTERFOIL_KILL_POINT as `name:n` (the n-th passing, from 1). It wraps
 * Node's own functions, so the product that runs is the one that ships.
 */
import childProcess, { type ChildProcess } from "node:child_process";
import fs from "node:fs";
import http from "node:http";
import { syncBuiltinESMExports } from "node:module";

type Operation =
  | "open"
  | "writev"
  | "datasync"
  | "sync"
  | "truncate"
  | "rename"
  | "unlink"
  | "mkdir"
  | "spawn"
  | "send"
  | "reply";
type Moment = "before" | "half" | "after";

interface KillPoint {
  readonly operation: Operation;
  readonly moment: Moment;
  /** What the path (for a rename: the old one; for a process: its arguments; for a message: its type) looks like. */
  readonly path: RegExp;
  /** What the bytes written must contain; for a sync: those of the last write. */
  readonly text?: string;
  /** Dies this long after the operation, milliseconds. */
  readonly delayMs?: number;
}

const SEGMENT = /\.cfj$/;
const MANIFEST = /manifest\.jsonl$/;
/** A sealed file that is not in the mirror yet. */
const NEW_FILE = /\.sealing\b.*\.parquet$/;
const REMOVES = '"remove":["';

/** Every point by its name, in the order in which a span passes them. */
export const KILL_POINTS: Readonly<Record<string, KillPoint>> = {
  "segment-created": { operation: "open", moment: "after", path: SEGMENT },
  "segment-header-synced": { operation: "sync", moment: "after", path: SEGMENT },
  "journal-before-write": { operation: "writev", moment: "before", path: SEGMENT },
  "journal-half-written": { operation: "writev", moment: "half", path: SEGMENT },
  "journal-after-write": { operation: "writev", moment: "after", path: SEGMENT },
  "journal-after-sync": { operation: "datasync", moment: "after", path: SEGMENT },
  "after-reply": { operation: "reply", moment: "after", path: /./ },
  "seal-begun": { operation: "send", moment: "after", path: /^seal$/, delayMs: 4 },
  "seal-before-rename": { operation: "rename", moment: "before", path: NEW_FILE },
  "seal-after-rename": { operation: "rename", moment: "after", path: NEW_FILE },
  "manifest-before-write": { operation: "writev", moment: "before", path: MANIFEST },
  "manifest-half-written": { operation: "writev", moment: "half", path: MANIFEST },
  "manifest-after-write": { operation: "writev", moment: "after", path: MANIFEST },
  "manifest-after-sync": { operation: "datasync", moment: "after", path: MANIFEST },
  "manifest-before-rename": { operation: "rename", moment: "before", path: /manifest\.jsonl\.tmp$/ },
  "manifest-after-rename": { operation: "rename", moment: "after", path: /manifest\.jsonl\.tmp$/ },
  "cursor-before-rename": { operation: "rename", moment: "before", path: /cursors\/.*\.json\.tmp$/ },
  "compaction-running": { operation: "spawn", moment: "after", path: /compactor\.child/, delayMs: 150 },
  "compaction-before-commit": { operation: "writev", moment: "before", path: MANIFEST, text: REMOVES },
  "compaction-half-committed": { operation: "writev", moment: "half", path: MANIFEST, text: REMOVES },
  "compaction-after-commit": { operation: "datasync", moment: "after", path: MANIFEST, text: REMOVES },
  "trim-after-unlink": { operation: "unlink", moment: "after", path: SEGMENT },
  "sweep-after-unlink": { operation: "unlink", moment: "after", path: /\.parquet$/ },
};

type AnyFunction = (this: unknown, ...args: unknown[]) => unknown;
type Functions = Record<string, AnyFunction>;

const [wantedName = "", wantedTimes = "1"] = (process.env["COUNTERFOIL_KILL_POINT"] ?? "").split(":");
const wanted = KILL_POINTS[wantedName];
let timesLeft = Number(wantedTimes);
const paths = new Map<unknown, string>();
const lastTexts = new Map<string, string>();

function die(): void {
  process.kill(process.pid, "SIGKILL");
}

/** Whether the process ends at this operation; the moments of one passing count once. */
function isHere(operation: Operation, path: string, text = ""): boolean {
  if (wanted?.operation !== operation || !wanted.path.test(path)) return false;
  if (wanted.text !== undefined && !text.includes(wanted.text)) return false;
  timesLeft -= 1;
  return timesLeft === 0;
}

function dieAfter(): void {
  if (wanted?.delayMs === undefined) die();
  else setTimeout(die, wanted.delayMs);
}

/** Wraps a function that ends with a callback. */
function wrapCallback(functions: Functions, name: string, hook: (args: unknown[]) => boolean): void {
  const original = functions[name] as AnyFunction;
  functions[name] = function (...args) {
    const here = hook(args);
    if (here && wanted?.moment === "before") die();
    const callback = args.at(-1) as AnyFunction;
    args[args.length - 1] = function (this: unknown, ...results: unknown[]) {
      if (here && (results[0] === null || results[0] === undefined)) dieAfter();
      if (name === "open") paths.set(results[1], String(args[0]));
      return Reflect.apply(callback, this, results);
    };
    return Reflect.apply(original, this, args);
  };
}

/** Wraps a blocking function, or one that returns a promise. */
function wrap(functions: Functions, name: string, hook: (args: unknown[]) => boolean): void {
  const original = functions[name] as AnyFunction;
  functions[name] = function (...args) {
    const here = hook(args);
    if (here && wanted?.moment === "before") die();
    const result = Reflect.apply(original, this, args);
    if (name === "openSync") paths.set(result, String(args[0]));
    if (!here) return result;
    if (result instanceof Promise) return result.then((value: unknown) => (dieAfter(), value));
    dieAfter();
    return result;
  };
}

function wrapWritev(functions: Functions): void {
  wrapCallback(functions, "writev", (args) => {
    const path = paths.get(args[0]) ?? "";
    const buffers = args[1] as Uint8Array[];
    const text = MANIFEST.test(path) ? Buffer.concat(buffers).toString("latin1") : "";
    lastTexts.set(path, text);
    const here = isHere("writev", path, text);
    if (here && wanted?.moment === "half") {
      const bytes = Buffer.concat(buffers);
      args[1] = [bytes.subarray(0, Math.ceil(bytes.length / 2))];
    }
    return here;
  });
}

/** A child with a channel gets its `send` when it is spawned. */
function wrapSpawn(functions: Functions): void {
  wrap(functions, "spawn", (args) => isHere("spawn", String(args[1])));
  const spawn = functions["spawn"] as AnyFunction;
  functions["spawn"] = function (...args) {
    const child = Reflect.apply(spawn, this, args) as ChildProcess;
    const messages = child as unknown as Functions;
    if (messages["send"] !== undefined) {
      wrap(messages, "send", ([message]) => isHere("send", String((message as { type?: unknown }).type)));
    }
    return child;
  };
}

function install(): void {
  const functions = fs as unknown as Functions;
  const promises = fs.promises as unknown as Functions;
  const pathOf = (args: unknown[]): string => paths.get(args[0]) ?? "";
  wrapCallback(functions, "open", (args) => args[1] === "wx+" && isHere("open", String(args[0])));
  wrap(functions, "openSync", () => false);
  wrapWritev(functions);
  wrapCallback(functions, "fdatasync", (args) =>
    isHere("datasync", pathOf(args), lastTexts.get(pathOf(args))),
  );
  wrapCallback(functions, "fsync", (args) => isHere("sync", pathOf(args)));
  wrapCallback(functions, "ftruncate", (args) => isHere("truncate", pathOf(args)));
  for (const [object, suffix] of [
    [functions, "Sync"],
    [promises, ""],
  ] as const) {
    for (const operation of ["rename", "unlink", "mkdir"] as const) {
      wrap(object, operation + suffix, (args) => isHere(operation, String(args[0])));
    }
  }
  wrapSpawn(childProcess as unknown as Functions);
  const response = http.ServerResponse.prototype as unknown as Functions;
  const end = response["end"] as AnyFunction;
  response["end"] = function (this: unknown, ...args) {
    if (isHere("reply", "reply")) (this as http.ServerResponse).once("finish", die);
    return Reflect.apply(end, this, args);
  };
  syncBuiltinESMExports();
}

if (wanted !== undefined) install();
