import { Command, InvalidArgumentError } from "commander";
import { disturbance, machineFacts, type MachineFacts } from "./report/machine.ts";

/** A command of bench/, with the option that all have. */
export function benchCommand(name: string, description: string): Command {
  return new Command(name).description(description).option("--json", "all single measurements, as JSON", false);
}

export function count(text: string): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1) throw new InvalidArgumentError("write a whole number from 1");
  return number;
}

/** "1,2,4,8" */
export function counts(text: string): number[] {
  return text.split(",").map(count);
}

/** A line for whoever waits. */
export function say(line: string): void {
  console.error(line);
}

/** Looks at the machine before anything is started on it, and warns when others are at work. */
export async function lookAtMachine(): Promise<MachineFacts> {
  const facts = await machineFacts();
  const disturbed = disturbance(facts);
  if (disturbed !== undefined) say(`Warning: ${disturbed}`);
  return facts;
}
