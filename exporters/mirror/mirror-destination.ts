import type { JournalTail } from "../../journal/index.js";
import type { Mirror } from "../../store/index.js";
import type { Destination, DestinationStats } from "../types.js";

/** Name of the mirror among the destinations. */
export const MIRROR_DESTINATION = "mirror";

/** The local mirror as a destination like any other: its cursor is the catalog's sealedSeq. */
export function createMirrorDestination(mirror: Mirror): Destination {
  return {
    name: MIRROR_DESTINATION,
    start: (tail: JournalTail) => mirror.start(tail),
    notify: (tail: JournalTail) => mirror.notify(tail),
    flush: (deadlineMs: number) => mirror.flush(deadlineMs),
    onCursor: (listener: (seq: number) => void) => {
      mirror.onSealed((event) => listener(event.lastSeq));
    },
    stats: (): DestinationStats => {
      const { filler: _filler, lastSealMs: _lastSealMs, ...stats } = mirror.stats();
      // Everything accepted is mirrored: no processor and no signal filter stands before it.
      return { name: MIRROR_DESTINATION, filtered: {}, ...stats };
    },
    shutdown: (deadlineMs: number) => mirror.shutdown(deadlineMs),
  };
}
