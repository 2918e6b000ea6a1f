import { fileURLToPath } from "node:url";
import { defineConfig, type Plugin } from "vitest/config";

const root = fileURLToPath(new URL(".", import.meta.url)).replace(/\/$/, "");

/**
 * Worker threads and child processes are plain Node and can't load TypeScript, so a
 * `new URL("./x.worker.js", import.meta.url)` in the sources is pointed at the built file. `npm test` builds first.
 */
function builtWorkers(): Plugin {
  return {
    name: "built-workers",
    enforce: "pre",
    transform(code, id) {
      if (!id.startsWith(root) || !id.endsWith(".ts") || id.includes("node_modules")) return null;
      const folder = id.slice(root.length, id.lastIndexOf("/"));
      return code.replace(
        /new URL\(\s*"(\.[^"]*\.(?:worker|child)\.js)",\s*import\.meta\.url,?\s*\)/g,
        (_match, file: string) =>
          `new URL(${JSON.stringify(file)}, ${JSON.stringify(`file://${root}/dist${folder}/`)})`,
      );
    },
  };
}

const ALONE = ["test/overload/**/*.test.ts"];

export default defineConfig({
  plugins: [builtWorkers()],
  test: {
    pool: "forks",
    // Most waiting is for child processes and disks, so there are more than cores (vitest would leave one free).
    maxWorkers: 3,
    // Generous, because a loaded machine is slow: a test waits for an event, and the limit is only for one that never comes.
    testTimeout: 120_000,
    hookTimeout: 60_000,
    expect: { poll: { timeout: 60_000 } },
    projects: [
      {
        extends: true,
        test: {
          name: "all",
          include: ["test/**/*.test.ts"],
          exclude: [...ALONE],
          sequence: { groupOrder: 0 },
        },
      },
      {
        // These compare how long things take side by side, so nothing else may run beside them.
        extends: true,
        test: { name: "alone", include: [...ALONE], maxWorkers: 1, sequence: { groupOrder: 1 } },
      },
    ],
  },
});
