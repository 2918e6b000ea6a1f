export const PLACE = "example";
