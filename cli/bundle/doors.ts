import { randomUUID } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { readStoredCursors } from "../../collector/destinations.js";
import { type Journal, openJournal } from "../../journal/index.js";
import {
  encodeImportBatch,
  IMPORT_BATCH_BYTES,
  IMPORT_MEDIA_TYPE,
  IMPORT_PATH,
  IMPORT_PIECE_BYTES,
  IMPORT_UPLOAD_PATH,
  type PriceTable,
} from "../../schema/index.js";
import {
  borrowEffectivePrices,
  dataDirOwner,
  dataDirPaths,
  type FileCatalog,
  type ImportDoor,
  lockDataDir,
  type Mirror,
  openCatalog,
  openMirror,
  returnEffectivePrices,
} from "../../store/index.js";
import { CommandError, EXIT } from "../exit-codes.js";
import { readJournalOnDisk, readMirrorOnDisk } from "../offline.js";
import { callServer, findServer, type HttpServer, sendBytes } from "../server-client.js";

/** Time that sealing what waits may take, ms: hours of a backlog. */
const SETTLE_MS = 60 * 60 * 1000;
/** A server waits at most this long for one flush, ms. */
const FLUSH_MS = 600_000;
const MIRROR = "mirror";

/** A door with its way out. */
export interface OpenDoor extends ImportDoor {
  close(): Promise<void>;
}

/** The door of a data directory: through the server that owns it, or by owning it meanwhile. Throws CF_DATA_DIR_LOCKED. */
export async function openDoor(dataDir: string, signal: AbortSignal): Promise<OpenDoor> {
  const server = findServer(dataDir);
  if (server !== undefined) return serverDoor(server, signal);
  await refuseOwned(dataDir);
  return ownDoor(dataDir);
}

/**
 * Sees to it that the mirror shows everything acknowledged before: through the server, or, when there is none and the
 * journal holds more, by sealing it here.
 */
export async function settleMirror(dataDir: string, signal: AbortSignal): Promise<void> {
  const server = findServer(dataDir);
  if (server !== undefined) return flush(server, signal);
  const journal = readJournalOnDisk(dataDir);
  const sealedSeq = readMirrorOnDisk(dataDir)?.sealedSeq ?? 0;
  if (journal === undefined || journal.lastSeq <= sealedSeq) return;
  await refuseOwned(dataDir);
  const door = await ownDoor(dataDir);
  try {
    await door.settle();
  } finally {
    await door.close();
  }
}

async function refuseOwned(dataDir: string): Promise<void> {
  const owner = await dataDirOwner(dataDir);
  if (owner === undefined) return;
  throw new CommandError(
    EXIT.dataDirLocked,
    `Process ${owner.pid} owns ${dataDir} and has no HTTP port to ask. Stop it first.`,
  );
}

async function flush(server: HttpServer, signal: AbortSignal): Promise<void> {
  const body = { to: MIRROR, deadline_ms: FLUSH_MS };
  await callServer(server, { method: "POST", path: "/api/v1/flush", body, timeoutMs: FLUSH_MS, signal });
}

function serverDoor(server: HttpServer, signal: AbortSignal): OpenDoor {
  const post = (method: "POST" | "PUT", path: string, body: Uint8Array): Promise<void> =>
    sendBytes(server, { method, path, contentType: IMPORT_MEDIA_TYPE, body, signal });
  return {
    append: async (entries) => {
      const body = encodeImportBatch(entries);
      if (body.length <= IMPORT_BATCH_BYTES) return post("POST", IMPORT_PATH, body);
      // One record, which can't be stored in parts. The server has a bound for each request.
      const id = randomUUID();
      for (let at = 0; at < body.length; at += IMPORT_PIECE_BYTES) {
        const piece = body.subarray(at, at + IMPORT_PIECE_BYTES);
        await post("PUT", `${IMPORT_UPLOAD_PATH}${id}?offset=${at}`, piece);
      }
      await post("POST", `${IMPORT_PATH}?upload=${id}`, new Uint8Array());
    },
    settle: () => flush(server, signal),
    close: async () => undefined,
  };
}

/** Without a server: this process owns the data directory. Destinations that were configured keep what is theirs. */
async function ownDoor(dataDir: string): Promise<OpenDoor> {
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const paths = dataDirPaths(dataDir);
  const undo: (() => Promise<unknown>)[] = [];
  const close = async (): Promise<void> => {
    // One that fails must not keep the others: the lock is the last one.
    let failed: { readonly error: unknown } | undefined;
    for (const step of undo.splice(0).reverse()) {
      await step().catch((error: unknown) => void (failed ??= { error }));
    }
    if (failed !== undefined) throw failed.error;
  };
  try {
    const lock = await lockDataDir(dataDir);
    undo.push(() => lock.release());
    returnEffectivePrices(paths.prices);
    undo.push(async () => returnEffectivePrices(paths.prices));
    const catalog = await openCatalog({ mirrorDir: paths.mirror });
    undo.push(() => catalog.close());
    const stored = await readStoredCursors(dataDir);
    const { sealedSeq, sealedCounts } = catalog.snapshot();
    stored.set(MIRROR, { seq: sealedSeq, counts: sealedCounts });
    const atLeast = [...stored.values()].reduce((most, each) => (each.seq > most.seq ? each : most));
    const journal = await openJournal({ dir: paths.journal, atLeast });
    undo.push(() => journal.close());
    for (const [name, { seq }] of stored) journal.setCursor(name, seq);
    const mirror = await openMirror({ dataDir, catalog });
    undo.push(() => mirror.shutdown(0));
    journal.onDurable((tail) => mirror.notify(tail));
    await mirror.start(journal.tail());
    const usePrices = (table: PriceTable): void => borrowEffectivePrices(paths.prices, table);
    return { ...doorOver({ journal, catalog, mirror }), usePrices, close };
  } catch (error) {
    // What went wrong first is what the user has to know.
    await close().catch(() => undefined);
    throw error;
  }
}

function doorOver(parts: {
  readonly journal: Journal;
  readonly catalog: FileCatalog;
  readonly mirror: Mirror;
}): ImportDoor {
  const { catalog, journal, mirror } = parts;
  let unsealedBytes = 0;
  const settle = async (): Promise<void> => {
    await mirror.flush(SETTLE_MS);
    unsealedBytes = 0;
    journal.setCursor(MIRROR, catalog.snapshot().sealedSeq);
    await journal.trim();
  };
  return {
    append: async (entries) => {
      const now = BigInt(Date.now()) * 1_000_000n;
      const appended = entries.map(({ signal, payload, itemCount, receivedUnixNano }) =>
        journal.append({
          signal,
          encoding: "identity",
          payload,
          itemCount,
          receivedUnixNano: receivedUnixNano ?? now,
        }),
      );
      await Promise.all(appended);
      unsealedBytes += entries.reduce((sum, { payload }) => sum + payload.length, 0);
      // The journal has a cap; what is sealed makes room.
      if (unsealedBytes > 64 * IMPORT_BATCH_BYTES) await settle();
    },
    settle,
  };
}
