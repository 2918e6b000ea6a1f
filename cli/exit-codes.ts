import { type ErrorCode } from "../schema/index.js";

/** Exit codes of every command, documented in `docs/cli.md`. Scripts may rely on them. */
export const EXIT = {
  /** It worked. Also the end of `start` and `tail` by Ctrl-C or SIGTERM. */
  ok: 0,
  /** Something failed; the message says what. */
  failure: 1,
  /** Wrong command, option or argument. */
  usage: 2,
  /** The configuration file is missing, unreadable or invalid. */
  configInvalid: 3,
  /** Another process holds the data directory. */
  dataDirLocked: 4,
  /** The thing asked for does not exist: data directory, trace, exporter, file. */
  notFound: 5,
  /** The command needs a running server and there is none, or it does not answer. */
  serverUnreachable: 6,
  /** The query was refused, wrong, or over one of its limits. */
  query: 7,
  /** A port is taken by another program, or may not be listened on. */
  portInUse: 8,
  /** `scrub` found damage and repaired all of it. */
  repaired: 9,
  /** `scrub` found damage that is not repaired, or rows that are lost. */
  damaged: 10,
  /** Stopped by Ctrl-C before it was done. */
  interrupted: 130,
  /** Stopped by SIGTERM before it was done. */
  terminated: 143,
} as const;

/** One of the numbers in {@link EXIT}. */
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** One line on each exit code, for `--help` and the documentation. */
export const EXIT_CODE_TEXT: Readonly<Record<ExitCode, string>> = {
  [EXIT.ok]: "success",
  [EXIT.failure]: "failure, the message says what",
  [EXIT.usage]: "wrong command, option or argument",
  [EXIT.configInvalid]: "configuration missing or invalid",
  [EXIT.dataDirLocked]: "another process holds the data directory",
  [EXIT.notFound]: "not found: data directory, trace, exporter or file",
  [EXIT.serverUnreachable]: "no running server, or it does not answer",
  [EXIT.query]: "query refused, wrong or over a limit",
  [EXIT.portInUse]: "a port is taken or may not be used",
  [EXIT.repaired]: "damage was found, and repaired",
  [EXIT.damaged]: "damage that is not repaired, or rows lost",
  [EXIT.interrupted]: "interrupted by Ctrl-C before it was done",
  [EXIT.terminated]: "stopped by SIGTERM before it was done",
};

const BY_ERROR: Partial<Record<ErrorCode, ExitCode>> = {
  CF_CONFIG_INVALID: EXIT.configInvalid,
  CF_DATA_DIR_LOCKED: EXIT.dataDirLocked,
  CF_LISTEN_FAILED: EXIT.portInUse,
  CF_NOT_FOUND: EXIT.notFound,
  CF_QUERY_REFUSED: EXIT.query,
  CF_QUERY_FAILED: EXIT.query,
  CF_QUERY_LIMIT: EXIT.query,
  CF_USAGE: EXIT.usage,
};

/** The exit code for an error of the product; 1 when it has none of its own. */
export function exitCodeOf(code: ErrorCode): ExitCode {
  return BY_ERROR[code] ?? EXIT.failure;
}

/** An error that ends a command with a given exit code, for causes that no error code of the product names. */
export class CommandError extends Error {
  override readonly name = "CommandError";
  readonly exitCode: ExitCode;

  constructor(exitCode: ExitCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
}
