export interface WidthFinding {
  rule: "context" | "compared" | "widened" | "signed" | "exported";
  why: string;
  file: string;
  line: number;
  column: number;
  text: string;
}
/** Expressions of unclear width in what the AssemblyScript file `entry` reaches; `files`: instead of the disk's, by path. */
export function wrongWidths(entry: string, files?: Record<string, string>): Promise<WidthFinding[]>;
