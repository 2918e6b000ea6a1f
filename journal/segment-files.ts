const NAME = /^(\d{10})-(\d{16})\.cfj$/;

/** A segment as its name tells it. */
export interface SegmentFile {
  readonly name: string;
  readonly ordinal: number;
  readonly firstSeq: number;
}

/** `<number of the file>-<first seq>.cfj`, so that a sorted listing is in order. */
export function segmentFileName(ordinal: number, firstSeq: number): string {
  return `${String(ordinal).padStart(10, "0")}-${String(firstSeq).padStart(16, "0")}.cfj`;
}

/** The segments among the names of a folder, in order of creation. Other names are left alone. */
export function parseSegmentNames(names: readonly string[]): SegmentFile[] {
  const files: SegmentFile[] = [];
  for (const name of names) {
    const match = NAME.exec(name);
    if (match) files.push({ name, ordinal: Number(match[1]), firstSeq: Number(match[2]) });
  }
  return files.sort((a, b) => a.ordinal - b.ordinal);
}

/**
 * Only the segments that hold records: one that starts where its successor starts was given up before anything in it
 * was acknowledged.
 */
export function liveSegments<F extends SegmentFile>(files: readonly F[]): F[] {
  return files.filter((file, index) => {
    const next = files[index + 1];
    return next === undefined || next.firstSeq > file.firstSeq;
  });
}
