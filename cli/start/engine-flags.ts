import { setFlagsFromString } from "node:v8";

/**
 * Tells V8 what it can't know about a collector: request bodies pass through as memory outside its heap, which it takes
 * for pressure on a heap of 20 MB and marks again and again, concurrently, on the cores that do the work (a quarter of
 * the CPU under load, by profile). Marked in one go, such a heap takes about 15 ms, a few times a minute.
 * Call before worker threads start: they inherit it.
 */
export function tuneGarbageCollection(): void {
  setFlagsFromString("--no-incremental-marking");
}
