export const PLACE = "instrumentation";
