import { type ApiHost, decodeRecords, type StoredChange } from "../schema/index.js";

/**
 * A host that says when it wrote records of a type, whichever API wrote them, once they are durable. The type is looked
 * for in the bytes; records that only mention it are told as well.
 */
export function watchRecords(
  host: ApiHost,
  type: string,
  onWritten: (changes: readonly StoredChange[]) => void,
): ApiHost {
  const mark = `"type":${JSON.stringify(type)}`;
  return {
    dataDir: host.dataDir,
    bodyBytesMax: host.bodyBytesMax,
    append: async (entry) => {
      const { signal, payload } = entry;
      const concerned =
        signal === "records" &&
        Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength).includes(mark);
      // Read before: the payload's memory is the writer's again after the append.
      const changes = concerned ? decodeRecords(payload) : [];
      const seq = await host.append(entry);
      if (concerned) onWritten(changes);
      return seq;
    },
    sealed: (seq, deadlineMs) => host.sealed(seq, deadlineMs),
    durableSeq: () => host.durableSeq(),
    mirror: host.mirror,
    destinations: () => host.destinations(),
    onError: (error) => host.onError(error),
  };
}
