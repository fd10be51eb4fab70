import type { Writable } from "node:stream";

/** Where a command reads its settings from and writes to. */
export interface Terminal {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly out: Writable & { readonly isTTY?: boolean };
  readonly err: Writable;
}

/** Columns as wide as their widest cell; nothing when there are no rows but the heading. */
export function table(heading: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [heading, ...rows];
  const widths = heading.map((_, column) => Math.max(...all.map((row) => (row[column] ?? "").length)));
  return all
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** `name   value` lines; null and undefined are left out. */
export function facts(entries: Readonly<Record<string, unknown>>): string {
  const shown = Object.entries(entries).filter(([, value]) => value !== null && value !== undefined && value !== "");
  const width = Math.max(...shown.map(([name]) => name.length));
  return shown.map(([name, value]) => `${name.padEnd(width)}  ${printed(value)}`).join("\n");
}

function printed(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** Block YAML of plain data, as in a stack's file. Text is quoted as JSON, which YAML reads the same. */
export function yaml(value: unknown, indent = 0): string {
  const pad = " ".repeat(indent);
  if (Array.isArray(value))
    return value.length === 0 ? " []" : value.map((item) => `\n${pad}-${yaml(item, indent + 2)}`).join("");
  if (typeof value === "object" && value !== null) {
    const entries = Object.entries(value);
    return entries.length === 0
      ? " {}"
      : entries.map(([key, item]) => `\n${pad}${key}:${yaml(item, indent + 2)}`).join("");
  }
  return ` ${JSON.stringify(value)}`;
}
