import type { Socket } from "node:net";

/** Time that the sockets of one turn may take together, ms. */
const TURN_MS = 10;

/**
 * Handles new sockets in order, a few in each turn of the event loop: hundreds at once (an HTTP/2 session takes half a
 * millisecond each) would hold up everyone else. One that was closed meanwhile is left out. `handle` must not throw.
 */
export function inTurns(handle: (socket: Socket) => void): (socket: Socket) => void {
  const waiting: Socket[] = [];
  const turn = (): void => {
    const until = performance.now() + TURN_MS;
    let count = 0;
    for (const socket of waiting) {
      count++;
      if (!socket.destroyed) handle(socket);
      if (performance.now() >= until) break;
    }
    waiting.splice(0, count);
    if (waiting.length > 0) setImmediate(turn);
  };
  return (socket) => {
    if (waiting.push(socket) === 1) setImmediate(turn);
  };
}
