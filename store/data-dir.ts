import { join } from "node:path";

/** Where everything lives below one data directory. */
export interface DataDirPaths {
  readonly root: string;
  readonly lock: string;
  readonly journal: string;
  readonly cursors: string;
  readonly deadLetters: string;
  readonly mirror: string;
  /** What sealing processes have written and the owner has not moved into the mirror yet; on the mirror's disk. */
  readonly sealing: string;
  readonly temp: string;
  readonly quarantine: string;
  /** The price tables in use, now and before. */
  readonly prices: string;
  /** How far each rule has come: a file. */
  readonly ruleCursors: string;
  /** How far the egress ledger has come with each destination: a file. */
  readonly egressPosition: string;
}

/** The paths below `root`; nothing is created. */
export function dataDirPaths(root: string): DataDirPaths {
  return {
    root,
    lock: join(root, "lock"),
    journal: join(root, "journal"),
    cursors: join(root, "cursors"),
    deadLetters: join(root, "dead-letters"),
    mirror: join(root, "mirror"),
    sealing: join(root, "mirror", ".sealing"),
    temp: join(root, "temp"),
    quarantine: join(root, "quarantine"),
    prices: join(root, "prices"),
    ruleCursors: join(root, "rules", "cursors.json"),
    egressPosition: join(root, "egress", "position.json"),
  };
}
