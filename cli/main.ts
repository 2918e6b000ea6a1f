export const PLACE = "cli";
