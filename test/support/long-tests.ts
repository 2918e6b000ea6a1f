/**
 * Whether tests run that take long and whose subject shorter tests cover as well, in another form: with
 * COUNTERFOIL_LONG_TESTS=1. Otherwise they are shown as skipped.
 */
export const LONG_TESTS = process.env["COUNTERFOIL_LONG_TESTS"] === "1";
