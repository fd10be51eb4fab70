/** Rows of text under their columns. The first column is words, all others are figures and stand to the right. */
export interface Table {
  title: string;
  columns: readonly string[];
  rows: readonly (readonly string[])[];
  /** Said below the table. */
  notes?: readonly string[];
}

/** As GitHub's Markdown, padded so that it reads well in a terminal too. */
export function markdown({ title, columns, rows, notes = [] }: Table): string {
  const cells = [columns, ...rows].map((row) =>
    columns.map((_column, index) => (row[index] ?? "").replaceAll("|", "\\|")),
  );
  const widths = columns.map((_column, index) => Math.max(3, ...cells.map((row) => row[index]?.length ?? 0)));
  const line = (row: readonly string[]) =>
    `| ${row.map((cell, index) => (index === 0 ? cell.padEnd(widths[index] ?? 0) : cell.padStart(widths[index] ?? 0))).join(" | ")} |`;
  const rule = widths.map((width, index) => (index === 0 ? "-".repeat(width) : `${"-".repeat(width - 1)}:`));
  const [head = [], ...body] = cells;
  const table = [line(head), `| ${rule.join(" | ")} |`, ...body.map(line)];
  return [`### ${title}`, "", ...table, ...notes.flatMap((note) => ["", note])].join("\n");
}
