const EVERY_MS = 10_000;

/** Tells how far a long run is: on a terminal one line that changes, elsewhere a line every ten seconds. */
export function createProgressLine(total: number): {
  update(done: number, more: string): void;
  end(): void;
} {
  const startedAt = performance.now();
  const live = process.stdout.isTTY;
  let toldAt = startedAt;
  return {
    update(done, more) {
      const now = performance.now();
      if (!live && done < total && now - toldAt < EVERY_MS) return;
      toldAt = now;
      const seconds = (now - startedAt) / 1000;
      const left = Math.round((seconds / done) * (total - done));
      const text = `${done} of ${total} rounds, ${(done / (seconds / 60)).toFixed(1)} a minute, ${left} s left; ${more}`;
      process.stdout.write(live ? `\r\u001b[2K${text}` : `${text}\n`);
    },
    end() {
      if (live) process.stdout.write("\n");
    },
  };
}
