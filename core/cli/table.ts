/** Text in columns. */

/** Names may come from anywhere. None of them may act as a command of the terminal. */
export const plain = (text: string): string => text.replace(/[\x00-\x1f\x7f-\x9f]/g, "?");

/** A size in MiB, without the unit. */
export const mebibytes = (bytes: number): string => (bytes / 2 ** 20).toFixed(1);

export function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)));
  return rows
    .map(
      (row) =>
        `${row
          .map((cell, i) => cell.padEnd(widths[i]!))
          .join("  ")
          .trimEnd()}\n`,
    )
    .join("");
}
