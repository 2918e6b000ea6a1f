import { setFlagsFromString } from "node:v8";

/**
 * Tells V8 what it can't know about a collector: request bodies pass through as memory outside its heap, which it takes
 * for pressure on a heap of 20 MB and marks again and again, concurrently, on the cores that do the work (a quarter of
 * the CPU under load, by profile). Marked in one go, such a heap takes about 15 ms, a few times a minute.
 *
 * Call it before anything is loaded. A heap that grows while modules are loaded may be marked already, and with this flag
 * V8 no longer stops that marking while it moves objects: one start in twenty ended with "unreachable code" or a
 * segmentation fault. Worker threads inherit it.
 */
export function tuneGarbageCollection(): void {
  setFlagsFromString("--no-incremental-marking");
}
