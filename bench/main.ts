export const PLACE = "bench";
