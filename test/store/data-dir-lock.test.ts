import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterEach, expect, test } from "vitest";
import { dataDirOwner, dataDirPaths, lockDataDir, type LockOwner } from "../../store/index.js";
import { temporaryFolder } from "./mirror-files.js";

const LOCK_MODULE = fileURLToPath(new URL("../../dist/store/data-dir-lock.js", import.meta.url));
const children: ChildProcess[] = [];

afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
});

/** A process that takes the lock as soon as it is told to, and says "held" or the error's code. */
function contender(root: string): { child: ChildProcess; outcome: Promise<string>; go: () => void } {
  const script = `
    import { lockDataDir } from ${JSON.stringify(LOCK_MODULE)};
    process.stdin.once("data", () => {
      lockDataDir(${JSON.stringify(root)}).then(
        () => console.log("held"),
        (error) => { console.log(error.code ?? String(error)); process.exit(0); },
      );
    });
    console.log("ready");`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  children.push(child);
  const lines: string[] = [];
  const reader = createInterface({ input: child.stdout });
  reader.on("line", (line) => lines.push(line));
  const until = async (count: number): Promise<string> => {
    while (lines.length < count) await once(reader, "line");
    return lines[count - 1] ?? "";
  };
  return {
    child,
    outcome: until(2),
    go: () => void until(1).then(() => child.stdin.write("go\n")),
  };
}

function ownerOnDisk(root: string): LockOwner {
  return JSON.parse(readFileSync(dataDirPaths(root).lock, "utf8")) as LockOwner;
}

test("catalogue item 89: folders are 0700 and the lock 0600; release removes it; releasing twice is fine", async () => {
  const root = join(temporaryFolder(), "new");
  const lock = await lockDataDir(root);
  const { journal, mirror, cursors, temp, deadLetters, lock: path } = dataDirPaths(root);
  for (const folder of [root, journal, mirror, cursors, temp, deadLetters]) {
    expect(statSync(folder).mode & 0o777).toBe(0o700);
  }
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(await dataDirOwner(root)).toEqual(lock.owner);
  await lock.release();
  await lock.release();
  expect(existsSync(path)).toBe(false);
  expect(await dataDirOwner(root)).toBeUndefined();
  await (await lockDataDir(root)).release();
});

test("catalogue item 59: a live owner is named; after kill -9 the lock is taken over", async () => {
  const root = temporaryFolder();
  const first = contender(root);
  first.go();
  expect(await first.outcome).toBe("held");
  await expect(lockDataDir(root)).rejects.toMatchObject({
    code: "CF_DATA_DIR_LOCKED",
    message: expect.stringContaining(`process ${first.child.pid}`) as string,
  });
  first.child.kill("SIGKILL");
  await once(first.child, "exit");
  const lock = await lockDataDir(root);
  expect(ownerOnDisk(root).pid).toBe(process.pid);
  await lock.release();
  expect(readdirSync(root).filter((name) => name.startsWith("lock"))).toEqual([]);
});

test("catalogue item 59: of many starters after a crash exactly one wins", async () => {
  const root = temporaryFolder();
  const dead = await lockDataDir(root);
  const owner = ownerOnDisk(root);
  await dead.release();
  for (let round = 0; round < 2; round += 1) {
    writeFileSync(
      dataDirPaths(root).lock,
      JSON.stringify({ ...owner, startTime: "1", token: `dead-${round}` }),
    );
    const starters = Array.from({ length: 4 }, () => contender(root));
    for (const { go } of starters) go();
    const outcomes = await Promise.all(starters.map(({ outcome }) => outcome));
    expect(outcomes.sort()).toEqual([
      "CF_DATA_DIR_LOCKED",
      "CF_DATA_DIR_LOCKED",
      "CF_DATA_DIR_LOCKED",
      "held",
    ]);
    for (const { child } of starters) {
      if (child.exitCode === null && child.signalCode === null) {
        const gone = once(child, "exit");
        child.kill("SIGKILL");
        await gone;
      }
    }
  }
});

test.each([
  ["a pid used again by a later process", { pid: 1, startTime: "1" }],
  ["its own pid (pid 1 of a restarted container)", { pid: process.pid, startTime: "1" }],
  ["a pid that is gone", { pid: 2 ** 22 + 1 }],
])("a lock with %s is taken over at once", async (_title, dead) => {
  const root = temporaryFolder();
  const lock = await lockDataDir(root);
  const owner = ownerOnDisk(root);
  await lock.release();
  writeFileSync(dataDirPaths(root).lock, JSON.stringify({ ...owner, token: "dead", ...dead }));
  const started = performance.now();
  await (await lockDataDir(root)).release();
  expect(performance.now() - started).toBeLessThan(2_000);
});

test.each([
  ["another boot", { bootId: "another" }],
  ["another container", { pidNamespace: "pid:[1]" }],
  ["another host", { hostname: "elsewhere" }],
])("a lock of %s holds while it is touched and is taken over when it is not", async (_title, other) => {
  const root = temporaryFolder();
  const lock = await lockDataDir(root);
  const owner = ownerOnDisk(root);
  await lock.release();
  const { lock: path } = dataDirPaths(root);
  writeFileSync(path, JSON.stringify({ ...owner, token: "foreign", ...other }));
  const touch = setInterval(() => utimesSync(path, new Date(), new Date()), 50);
  try {
    await expect(lockDataDir(root, { staleMs: 1_000 })).rejects.toMatchObject({ code: "CF_DATA_DIR_LOCKED" });
  } finally {
    clearInterval(touch);
  }
  await (await lockDataDir(root, { staleMs: 400 })).release();
  // After a reboot the lock is old already: no waiting.
  writeFileSync(path, JSON.stringify({ ...owner, token: "foreign", ...other }));
  utimesSync(path, 1, 1);
  const started = performance.now();
  await (await lockDataDir(root)).release();
  expect(performance.now() - started).toBeLessThan(2_000);
});

test("a lock file that holds no owner is waited for, then replaced", async () => {
  const root = temporaryFolder();
  const { lock: path } = dataDirPaths(root);
  writeFileSync(path, "");
  const started = performance.now();
  const lock = await lockDataDir(root, { staleMs: 300 });
  expect(performance.now() - started).toBeGreaterThan(200);
  await lock.release();
});
