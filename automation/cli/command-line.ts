import { Command } from "commander";
import { ApiClient, access } from "./api-client.ts";
import { auditCommands } from "./audit.ts";
import { eventCommands } from "./events.ts";
import { operationCommands } from "./operations.ts";
import { planCommands } from "./plans.ts";
import { queueCommands } from "./queue.ts";
import { rotateCommands } from "./rotate.ts";
import type { Session } from "./session.ts";
import { taskCommands } from "./tasks.ts";
import type { Terminal } from "./terminal.ts";
import { tenantCommands } from "./tenants.ts";
import { tokenCommands } from "./token.ts";
import { tunnelCommands } from "./tunnels.ts";

const ENVIRONMENT = `
Environment:
  API_URL            the server's address (default http://127.0.0.1:4443)
  API_TOKEN          a token; or on the server itself
  JWT_SECRET         the server's secret, from which a token of five minutes is made
  Each also as NAME_FILE. What is missing is read from ~/.config/odoo-tenants/cli.env.

Examples:
  npm run cli -- tenants list --state failed,stalled
  npm run cli -- tenants suspend acme --reason "asked by phone"
  npm run -s cli -- tenants config acme > Pulumi.acme.yaml && pulumi preview -s acme
  npm run cli -- operations watch 12
  npm run cli -- tasks list`;

export function commandLine(terminal: Terminal): Command {
  const program = new Command("npm run cli --");
  let client: ApiClient | undefined;
  const session: Session = {
    ...terminal,
    api: () => (client ??= new ApiClient(access(terminal.env))),
    json: () => program.opts<{ json?: boolean }>().json === true,
    print: (text) => void terminal.out.write(`${text}\n`),
  };
  program
    .description("Tenants, their tunnels and what happens to them, from a terminal.")
    .option("--json", "print the API's answer as it is")
    .configureOutput({ writeOut: (text) => terminal.out.write(text), writeErr: (text) => terminal.err.write(text) })
    .showHelpAfterError("(--help shows what is possible)")
    .addHelpText("after", ENVIRONMENT);
  const all = [
    tenantCommands,
    tunnelCommands,
    operationCommands,
    taskCommands,
    eventCommands,
    queueCommands,
    planCommands,
    auditCommands,
    rotateCommands,
    tokenCommands,
  ];
  for (const add of all) add(program, session);
  return program;
}
