import { readFileSync, statSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { parseEnv } from "node:util";
import { mintToken } from "../api/auth/tokens.ts";
import { CliError } from "./cli-error.ts";
import type { Terminal } from "./terminal.ts";

type Environment = Terminal["env"];

/** Where the API is, and what to show it. */
export interface Access {
  readonly url: string;
  /** Undefined: there is none, and the command does not go without. */
  readonly token: () => Promise<string>;
}

/**
 * API_URL and API_TOKEN, or JWT_SECRET to make a token of five minutes from (each also as NAME_FILE); what the
 * environment lacks is read from the file that ODOO_TENANTS_CLI names, default ~/.config/odoo-tenants/cli.env.
 */
export function access(env: Environment): Access {
  const known = { ...fromFile(env), ...withFiles(env) };
  const url = known["API_URL"] ?? "http://127.0.0.1:4443";
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
    throw new CliError(`API_URL: "${url}" is no URL; it is http://127.0.0.1:4443 on the server itself.`);
  return {
    url: url.replace(/\/$/, ""),
    token: async () => {
      if (known["API_TOKEN"] !== undefined) return known["API_TOKEN"];
      const secret = signingSecret(known);
      if (secret !== undefined)
        return mintToken(secret, { subject: `cli:${userInfo().username}`, role: "admin", expires: "5m" });
      throw new CliError("There is no token: set API_TOKEN, or JWT_SECRET (or JWT_SECRET_FILE) on the server itself.");
    },
  };
}

/** The secret that signs; also from the file. Undefined when none is set. */
export function signingSecret(env: Environment): string | undefined {
  return { ...fromFile(env), ...withFiles(env) }["JWT_SECRET"]?.split(",")[0]?.trim();
}

function withFiles(env: Environment): Record<string, string> {
  const names = ["API_URL", "API_TOKEN", "JWT_SECRET"];
  return Object.fromEntries(
    names.flatMap((name): [string, string][] => {
      const value =
        env[name] ??
        (env[`${name}_FILE`] === undefined ? undefined : readText(env[`${name}_FILE`] ?? "", `${name}_FILE`));
      return value === undefined || value === "" ? [] : [[name, value]];
    }),
  );
}

function fromFile(env: Environment): Record<string, string | undefined> {
  const named = env["ODOO_TENANTS_CLI"];
  const file =
    named ?? join(env["XDG_CONFIG_HOME"] ?? join(env["HOME"] ?? "/root", ".config"), "odoo-tenants", "cli.env");
  let mode: number;
  try {
    ({ mode } = statSync(file));
  } catch (error) {
    if (named === undefined) return {};
    throw new CliError(
      `ODOO_TENANTS_CLI: ${file} cannot be read (${(error as { code?: string }).code ?? "unknown reason"}).`,
    );
  }
  if ((mode & 0o077) !== 0)
    throw new CliError(`${file} may be read by others, and holds a secret. Run: chmod 600 ${file}`);
  return parseEnv(readText(file, "ODOO_TENANTS_CLI"));
}

function readText(file: string, name: string): string {
  try {
    return readFileSync(file, "utf8").trim();
  } catch (error) {
    throw new CliError(`${name}: ${file} cannot be read (${(error as { code?: string }).code ?? "unknown reason"}).`);
  }
}

export interface Ask {
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/** Calls the API that is documented by /openapi.json. */
export class ApiClient {
  readonly #access: Access;

  constructor(where: Access) {
    this.#access = where;
  }

  /** The answer's JSON. Throws CliError with the problem's own words. */
  async ask(method: string, path: string, options: Ask = {}): Promise<Record<string, unknown>> {
    const response = await this.#send(method, path, options);
    return (await response.json()) as Record<string, unknown>;
  }

  /** Live events, until the server ends them. They outlive the token: what comes then is asked for with a new one. */
  async *follow(path: string, signal?: AbortSignal): AsyncIterable<{ event: string; data: unknown }> {
    let last: string | undefined;
    for (let expired = true; expired;) {
      expired = false;
      const headers = { accept: "text/event-stream", ...(last !== undefined && { "last-event-id": last }) };
      const response = await this.#send("GET", path, { headers, ...(signal !== undefined && { signal }) });
      for await (const { id, event, data } of eventsOf(response)) {
        last = id ?? last;
        if (event === "expired") expired = true;
        else yield { event, data };
      }
    }
  }

  async #send(method: string, path: string, { body, headers, signal }: Ask): Promise<Response> {
    const authorization = `Bearer ${await this.#access.token()}`;
    let response: Response;
    try {
      response = await fetch(`${this.#access.url}${path}`, {
        method,
        headers: { authorization, ...(body !== undefined && { "content-type": "application/json" }), ...headers },
        ...(body !== undefined && { body: JSON.stringify(body) }),
        ...(signal !== undefined && { signal }),
      });
    } catch (error) {
      if (signal?.aborted === true) throw error;
      const { cause } = error as { cause?: { code?: string } };
      throw new CliError(
        `${this.#access.url} does not answer (${cause?.code ?? (error as Error).message}). Is the server running, and API_URL its address?`,
      );
    }
    if (response.ok) return response;
    throw new CliError(await refusal(response));
  }
}

/** https://html.spec.whatwg.org/multipage/server-sent-events.html, as far as this API makes use of it. */
async function* eventsOf(response: Response): AsyncIterable<{ id: string | undefined; event: string; data: unknown }> {
  let rest = "";
  for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    const parts = (rest + chunk).split("\n\n");
    rest = parts.pop() ?? "";
    for (const part of parts) {
      const field = (name: string): string | undefined => new RegExp(`^${name}: (.*)$`, "m").exec(part)?.[1];
      const data = field("data");
      if (data !== undefined)
        yield { id: field("id"), event: field("event") ?? "message", data: JSON.parse(data) as unknown };
    }
  }
}

async function refusal(response: Response): Promise<string> {
  const text = await response.text();
  if (!/json/.test(response.headers.get("content-type") ?? "")) {
    const { origin } = new URL(response.url);
    return `what answers at ${origin} is not this API (${response.status}, ${text.trim() === "" ? "empty" : "no JSON"}). Is API_URL its address?`;
  }
  const { errors, remedy, request_id, status, ...problem } = JSON.parse(text) as {
    detail?: string;
    errors?: readonly { readonly field: string; readonly value?: unknown; readonly detail: string }[];
    remedy?: string;
    request_id?: string;
    status?: number;
  };
  const id = (status ?? 0) >= 500 && request_id !== undefined ? ` (request ${request_id})` : "";
  const wrong = errors?.map(({ field, value, detail }) => `${field}${given(field, value)}: ${detail}`);
  const detail = wrong?.join("\n       ") ?? problem.detail;
  return `${detail ?? `the server answered ${response.status}`}${id}${remedy === undefined ? "" : `\n       ${remedy}`}`;
}

/** The value as the server saw it, for whoever looks for a slip of the pen; never one that may be a secret. */
function given(field: string, value: unknown): string {
  return value === undefined || /secret|token|password|key/i.test(field) ? "" : ` ${JSON.stringify(value)}`;
}
