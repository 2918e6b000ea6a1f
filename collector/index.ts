export const PLACE = "collector";
