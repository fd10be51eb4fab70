import type { SandboxStatus } from "./status.ts";

/** What a start ends with: where everything is, and what to do next. */
export function readyBox(status: SandboxStatus, options: { foreground: boolean }): string {
  const stop = "npm run stop (data stays; npm run reset removes it)";
  return box([
    ...statusRows(status),
    ["", ""],
    ["another checkout", "npm run checkout -- globex --plan business --email owner@globex.example"],
    ["as an operator", "npm run pulumi -- preview -s prod"],
    ["", `${commandLine(status)} tenants list`],
    ["this again", "npm run status"],
    ["stop", options.foreground ? `Ctrl-C, or ${stop}` : stop],
  ]);
}

/** What `npm run status` prints. */
export function statusText(status: SandboxStatus): string {
  const ended = (status.ended ?? []).map(
    ({ name, how, log }) => `! ${name}: ${how}, and not started again. See ${log}`,
  );
  const tasks = (status.tasks ?? []).map(({ kind, detail }) => `! ${kind}: ${detail}`);
  const listed = tasks.length > 0 ? [`  What to do about it: ${commandLine(status)} tasks list`] : [];
  return [box(statusRows(status)), ...tasks, ...listed, ...ended].join("\n");
}

/** The server's command line with a token of this sandbox, as a shell takes it. */
function commandLine({ api }: SandboxStatus): string {
  const elsewhere = api === "http://127.0.0.1:4443" ? "" : `API_URL=${api} `;
  return `${elsewhere}API_TOKEN=$(npm run -s token) npm run cli --`;
}

function statusRows(status: SandboxStatus): [string, string][] {
  const tenants = status.tenants.flatMap(({ subdomain, url, login, password, state }): [string, string][] => [
    [subdomain, `${url}/web/login${state === "active" ? "" : ` (${state})`}`],
    ["  login", login],
    ["  password", password],
  ]);
  return [...tenants, ["API", `${status.api}/docs`]];
}

export function box(rows: readonly (readonly [string, string])[]): string {
  const left = Math.max(...rows.map(([label]) => label.length));
  const lines = rows.map(([label, text]) => `${label.padEnd(left)}  ${text}`.trimEnd());
  const width = Math.max(...lines.map((line) => line.length));
  const edge = "─".repeat(width + 2);
  return [`╭${edge}╮`, ...lines.map((line) => `│ ${line.padEnd(width)} │`), `╰${edge}╯`].join("\n");
}
