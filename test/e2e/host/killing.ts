import type { HostCommand } from "../../../components/host/host-command.ts";
import { commandInput } from "../../../components/host/host-command.ts";
import type { CommandResult, Ssh } from "./ssh.ts";

const DIRECTORY = "/root/killing";

// Read by bash before the command's own text. It ends the command with all that it has started before it runs line
// KILL_AT, and writes down which lines a run comes by.
const KILLER = `unset BASH_ENV
set -T
at() {
  if [ -n "\${TRACE:-}" ]; then printf '%s\\n' "$1" >>"$TRACE"; fi
  if [ "$1" = "\${KILL_AT:-}" ]; then kill -9 0; fi
}
trap 'at "$LINENO"' DEBUG
`;

export type Verb = "up" | "down" | "rotate";

/** A command as it stands on a host, run by root with a death at a line of our choice. */
export class KilledCommand {
  readonly #ssh: Ssh;
  readonly #command: HostCommand;

  constructor(ssh: Ssh, command: HostCommand) {
    this.#ssh = ssh;
    this.#command = command;
  }

  /** Puts the killer on the host. */
  static async prepare(ssh: Ssh): Promise<void> {
    await ssh.ok(`install -d -m 0700 ${DIRECTORY} && cat >${DIRECTORY}/killer`, KILLER);
  }

  async run(verb: Verb, variables: Record<string, string>): Promise<CommandResult> {
    return await this.#start(verb, variables, "");
  }

  /** Ends at this line, or as usual when it does not come by it. */
  async killedAt(line: number, verb: Verb, variables: Record<string, string>): Promise<CommandResult> {
    return await this.#start(verb, variables, `KILL_AT=${line} BASH_ENV=${DIRECTORY}/killer`);
  }

  /** Lines of the command's own script that a whole run comes by, in that order. */
  async lines(verb: Verb, variables: Record<string, string>): Promise<number[]> {
    const trace = `${DIRECTORY}/trace`;
    const { code, stderr } = await this.#start(verb, variables, `TRACE=${trace} BASH_ENV=${DIRECTORY}/killer`);
    if (code !== 0) throw new Error(`${this.#command.name} ${verb} ended with ${code}: ${stderr}`);
    const traced = (await this.#ssh.ok(`cat ${trace}; rm ${trace}`)).split("\n").map(Number);
    const begin = this.#texts().findIndex((text) => text.startsWith("make_locks() {"));
    return [...new Set(traced)].filter((line) => line > begin + 3);
  }

  /** Numbers of the lines with this text. */
  at(text: string): number[] {
    const found = this.#texts().flatMap((line, index) => (line.includes(text) ? [index + 1] : []));
    if (found.length === 0) throw new Error(`no line of ${this.#command.name} has ${text}`);
    return found;
  }

  text(line: number): string {
    return this.#texts()[line - 1]?.trim() ?? "";
  }

  #texts(): string[] {
    return this.#command.text.split("\n");
  }

  async #start(verb: Verb, variables: Record<string, string>, environment: string): Promise<CommandResult> {
    const { name, version } = this.#command;
    // A group of its own, so that nothing else of the host dies with it.
    return await this.#ssh.run(
      `env ${environment} setsid --wait bash /usr/local/lib/odoosaas/${name} ${verb}`,
      commandInput(verb === "up" ? { VERSION: version, ...variables } : variables),
    );
  }
}
