/*
 * Most attributes have one shape: a short key and a value that is one string or one small number. Recognising it with
 * a few byte comparisons makes scanning several times faster than walking every field.
 */

/**
 * The end of the KeyValue field content whose length stands at `pos`, when it is of the usual shape, lies before
 * `limit`, and is valid; else -1: the caller must then walk it field by field.
 */
export function plainAttributeEnd(bytes: Uint8Array, pos: number, limit: number): number {
  let at = pos + 1;
  let length = bytes[pos] as number;
  if (length > 127) {
    length = (length & 127) | ((bytes[at++] as number) << 7);
    if (length > 16_383) {
      length = (length & 16_383) | ((bytes[at++] as number) << 14);
      if (length > 2_097_151) return -1;
    }
  }
  const end = at + length;
  if (end > limit || bytes[at] !== 0x0a) return -1;
  const keyLength = bytes[at + 1] as number;
  at += 2 + keyLength;
  if (keyLength > 127 || at + 2 > end || bytes[at] !== 0x12) return -1;
  length = bytes[++at] as number;
  at++;
  if (length > 127) {
    length = (length & 127) | ((bytes[at++] as number) << 7);
    if (length > 16_383) {
      length = (length & 16_383) | ((bytes[at++] as number) << 14);
      if (length > 2_097_151) return -1;
    }
  }
  return at + length === end && isPlainValue(bytes, at, end) ? end : -1;
}

/** Whether an AnyValue is one string, or one boolean or integer below 2^28. */
function isPlainValue(bytes: Uint8Array, start: number, end: number): boolean {
  const tag = bytes[start];
  let at = start + 1;
  if (at >= end) return false;
  if (tag === 0x0a) {
    let length = bytes[at++] as number;
    if (length > 127) {
      length = (length & 127) | ((bytes[at++] as number) << 7);
      if (length > 16_383) {
        length = (length & 16_383) | ((bytes[at++] as number) << 14);
        if (length > 2_097_151) return false;
      }
    }
    return at + length === end;
  }
  if (tag !== 0x18 && tag !== 0x10) return false;
  const last = end - 1;
  if (last - at > 3) return false;
  while (at < last) if ((bytes[at++] as number) < 128) return false;
  return (bytes[last] as number) < 128;
}
