import { disturbance, type MachineFacts, machineLine } from "./machine.ts";
import { markdown, type Table } from "./table.ts";

/** What one command measured. */
export interface Report {
  measure: string;
  machine: MachineFacts;
  tables: readonly Table[];
  /** Every single measurement, for --json only. */
  samples: unknown;
}

/** To standard output; all else that a command says goes to standard error. */
export function printReport(report: Report, { json }: { json: boolean }): void {
  if (json) return console.log(JSON.stringify(report, undefined, 2));
  const disturbed = disturbance(report.machine);
  console.log(`## ${report.measure}\n\n${machineLine(report.machine)}\n`);
  if (disturbed !== undefined) console.log(`**Not quiet:** ${disturbed}\n`);
  console.log(report.tables.map(markdown).join("\n\n"));
}
