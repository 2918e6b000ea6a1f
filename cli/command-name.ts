import { basename, isAbsolute, relative } from "node:path";

/** How the user called this program, so that the commands we print work when they are pasted. */
export function commandName(
  script: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
  cwd: string,
): string {
  // npm sets this for `npx` (exec) and for `npm run demo`, `npm start`: both happen where `npx counterfoil` works.
  if (/^(?:exec|run|run-script|start)$/.test(env["npm_command"] ?? "")) return "npx counterfoil";
  if (script === undefined) return "counterfoil";
  if (basename(script) === "counterfoil") {
    return /[\\/]node_modules[\\/]\.bin[\\/]/.test(script) ? "npx counterfoil" : "counterfoil";
  }
  const short = relative(cwd, script);
  const path = short.startsWith("..") || isAbsolute(short) ? script : short;
  return `node ${/^[\w./@:+\\-]+$/.test(path) ? path : `"${path}"`}`;
}
