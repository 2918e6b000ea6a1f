import { CounterfoilError, errorMessage } from "../schema/index.js";
import { systemErrorCode } from "./file-system.js";

const ADVICE: Record<string, string> = {
  ENOSPC: "The disk is full: free space on it; writing resumes by itself.",
  EDQUOT: "The disk quota is used up: raise it or free space; writing resumes by itself.",
  EROFS: "The disk is mounted read-only: remount it writable.",
  EACCES: "The process may not use this file: check owner and mode.",
  EPERM: "The process may not use this file: check owner and mode.",
  EMFILE: "Too many open files: raise the limit (ulimit -n).",
  ENFILE: "Too many open files on this machine.",
  ENOENT: "The file or folder is gone: check that the volume is mounted.",
  EIO: "The disk reports a hardware error: check it (dmesg, SMART).",
};

/** An I/O error as CF_JOURNAL_IO: what was being done, where, and what to do. Always retryable. */
export function journalIoError(doing: string, where: string, cause: unknown): CounterfoilError {
  const advice = ADVICE[systemErrorCode(cause)] ?? "Check the disk.";
  const message = `The journal failed while ${doing} (${where}): ${errorMessage(cause)}. ${advice}`;
  return new CounterfoilError("CF_JOURNAL_IO", message, { retryable: true, cause });
}

/** Damage that an operator must look at, as CF_JOURNAL_CORRUPT. */
export function journalCorruptError(message: string, cause?: unknown): CounterfoilError {
  return new CounterfoilError("CF_JOURNAL_CORRUPT", message, cause === undefined ? {} : { cause });
}
