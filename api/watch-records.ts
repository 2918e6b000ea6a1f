import type { ApiHost } from "../schema/index.js";

/**
 * A host that says when it wrote records of a type, whichever API wrote them: what is kept in memory of them is then
 * out of date. The type is looked for in the bytes; a record that only mentions it costs one reading too many.
 */
export function watchRecords(host: ApiHost, type: string, onWritten: () => void): ApiHost {
  const mark = `"type":${JSON.stringify(type)}`;
  return {
    dataDir: host.dataDir,
    bodyBytesMax: host.bodyBytesMax,
    append: async (entry) => {
      const { signal, payload } = entry;
      const concerned =
        signal === "records" &&
        Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength).includes(mark);
      const seq = await host.append(entry);
      if (concerned) onWritten();
      return seq;
    },
    sealed: (seq, deadlineMs) => host.sealed(seq, deadlineMs),
    durableSeq: () => host.durableSeq(),
    mirror: host.mirror,
    onError: (error) => host.onError(error),
  };
}
