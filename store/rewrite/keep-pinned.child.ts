import { createHash } from "node:crypto";
import { join } from "node:path";
import { CHILD_NICENESS, columnsOf, errorMessage, PINS } from "../../schema/index.js";
import { answerOneRequest } from "../child-main.js";
import { openEngine } from "../seal/table-writer.js";
import type { FileEntry } from "../types.js";
import { filesRelation, readFiles, storedColumns } from "../views/files-relation.js";
import type { KeepAnswer, KeepRequest } from "./keep-pinned.js";
import { rewriteFile } from "./rewrite-file.js";

/** The process that writes the pinned rows of files into files of their own. It only makes new files that nobody lists. */
async function keep({ mirrorDir, workDir, pins, files }: KeepRequest): Promise<KeepAnswer> {
  try {
    const connection = await (await openEngine(workDir)).connect();
    const placed = (file: FileEntry): FileEntry => ({ ...file, path: join(mirrorDir, file.path) });
    const columns = columnsOf(PINS.table);
    const history = pins.map(placed);
    await connection.run(`CREATE TEMP TABLE pinned AS SELECT DISTINCT trace_id FROM (
  FROM (SELECT ${storedColumns(columns, history)} FROM ${filesRelation(columns, history)})
  QUALIFY row_number() OVER (PARTITION BY id ORDER BY seq DESC, seq_index DESC) = 1
) WHERE op = 'put' AND trace_id IS NOT NULL`);
    const pinned = (
      await connection.runAndReadAll("SELECT trace_id FROM pinned ORDER BY trace_id")
    ).getRows();
    // Other pins keep other rows, in a file of another name.
    const purpose = `pins ${createHash("sha256").update(pinned.join()).digest("hex")}`;
    const condition = "trace_id IN (SELECT trace_id FROM pinned)";
    const add: FileEntry[] = [];
    const whole: string[] = [];
    for (const file of files) {
      const [row] = (
        await connection.runAndReadAll(`SELECT count(*) FROM ${readFiles([placed(file)])} WHERE ${condition}`)
      ).getRows();
      const rows = Number(row?.[0] ?? 0);
      if (rows === file.rows) whole.push(file.path);
      else if (rows > 0)
        add.push(await rewriteFile(connection, { mirrorDir, file }, { keep: condition, purpose }));
    }
    return { ok: true, add, whole };
  } catch (error) {
    return { ok: false, message: errorMessage(error) };
  }
}

answerOneRequest(CHILD_NICENESS, keep);
