/** A text of a row or of a record's data; empty when it is none. */
export function textIn(row: Readonly<Record<string, unknown>> | undefined, column: string): string {
  const value = row?.[column];
  return typeof value === "string" ? value : "";
}
