import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

interface LockedPackage {
  readonly version?: string;
  readonly resolved?: string;
  readonly link?: boolean;
  readonly hasInstallScript?: boolean;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const lock = JSON.parse(readFileSync(new URL("../package-lock.json", import.meta.url), "utf8")) as {
  packages: Record<string, LockedPackage>;
};
const entries = Object.entries(lock.packages).filter(([path]) => path !== "");

test("the lock file names every platform's optional packages, so that `npm ci` agrees with it everywhere", () => {
  const missing = entries.flatMap(([path, locked]) =>
    Object.keys(locked.optionalDependencies ?? {}).filter(
      (name) =>
        lock.packages[`node_modules/${name}`]?.version === undefined &&
        lock.packages[`${path}/node_modules/${name}`]?.version === undefined,
    ),
  );
  expect(missing).toEqual([]);
});

test("the lock file records no download address, and nothing runs a script when it is installed", () => {
  expect(entries.filter(([, locked]) => locked.resolved?.includes("://"))).toEqual([]);
  expect(entries.filter(([, locked]) => locked.hasInstallScript === true)).toEqual([]);
});
