import { errorMessage } from "../../schema/index.js";

/** What one check found. `advice` says what to do; a check that is not `ok` has it. */
export interface Finding {
  readonly status: "ok" | "warn" | "fail";
  readonly detail: string;
  readonly advice?: string;
}

/** One line of `doctor`. */
export interface Check {
  readonly name: string;
  run(): Finding | Promise<Finding>;
}

/** A finding with the name of its check, as `doctor --json` prints it. */
export interface CheckResult extends Finding {
  readonly name: string;
}

/** Runs a check; an exception is a failed check, never a failed doctor. */
export async function runCheck(check: Check, adviceOnThrow: string): Promise<CheckResult> {
  try {
    return { name: check.name, ...(await check.run()) };
  } catch (error) {
    return { name: check.name, status: "fail", detail: errorMessage(error), advice: adviceOnThrow };
  }
}

export const ok = (detail: string): Finding => ({ status: "ok", detail });
export const warn = (detail: string, advice: string): Finding => ({ status: "warn", detail, advice });
export const fail = (detail: string, advice: string): Finding => ({ status: "fail", detail, advice });
