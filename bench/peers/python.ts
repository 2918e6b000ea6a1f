import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { command } from "./peer.js";

/** A virtual environment with one package. */
export async function installPython(folder: string, requirement: string, program: string): Promise<void> {
  if (existsSync(join(folder, "venv", "bin", program))) return;
  mkdirSync(folder, { recursive: true });
  await command("python3", ["-m", "venv", "venv"], { cwd: folder });
  await command(join("venv", "bin", "pip"), ["install", "--quiet", requirement], { cwd: folder });
}

/** One number out of an SQLite file. */
export async function sqliteCount(folder: string, file: string, sql: string): Promise<number> {
  const script =
    "import sqlite3, sys; print(sqlite3.connect(sys.argv[1]).execute(sys.argv[2]).fetchone()[0])";
  return Number(
    await command(join(folder, "venv", "bin", "python"), ["-c", script, file, sql], { cwd: folder }),
  );
}
