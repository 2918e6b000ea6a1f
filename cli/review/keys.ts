const NAMED: Readonly<Record<string, string>> = {
  "\r": "enter",
  "\n": "enter",
  "\t": "tab",
  "\b": "backspace",
  "\u007f": "backspace",
  "\u0003": "ctrl-c",
  "\u0004": "ctrl-d",
  "\u0015": "ctrl-u",
  "\u001b": "escape",
  "\u001b[A": "up",
  "\u001bOA": "up",
  "\u001b[B": "down",
  "\u001bOB": "down",
  "\u001b[5~": "pageup",
  "\u001b[6~": "pagedown",
  "\u001b[Z": "shift-tab",
};

/** A sequence that a terminal sends for one key, a surrogate pair, or one character. */
// eslint-disable-next-line no-control-regex -- terminals send control characters
const KEY = /\u001b\[[0-9;?]*[ -/]*[@-~]|\u001bO.|[^]/gu;

/**
 * The keys in what a terminal in raw mode sent: names for those that are no characters, characters as they are. Keys and
 * control characters that have no name here are left out.
 */
export function keysIn(chunk: string): string[] {
  return [...chunk.matchAll(KEY)].flatMap(([key]) => {
    const name = NAMED[key];
    if (name !== undefined) return [name];
    return /^\p{Cc}/u.test(key) ? [] : [key];
  });
}
