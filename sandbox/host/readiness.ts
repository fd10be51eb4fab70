import { connect } from "node:net";
import { readFileSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { run } from "../run.ts";
import { isAlive } from "./process-identity.ts";
import type { BootedMachine } from "./machine.ts";

const ODOO_PORT = 8069;
const PGBOUNCER_PORT = 6432;

/** Resolves when SSH, PgBouncer and Odoo answer; throws with what is still missing. */
export async function untilReady(machine: BootedMachine, address: string, withinMs: number): Promise<void> {
  const missing = new Set(["SSH", "PgBouncer", "Odoo"]);
  for (const deadline = Date.now() + withinMs; ; await setTimeout(30)) {
    if (!isAlive(machine.supervisor)) throw new Error("the container ended while it started");
    const leader = machine.leader();
    if (leader !== undefined) {
      if (missing.has("SSH") && (await answersSsh(address))) missing.delete("SSH");
      if (missing.has("PgBouncer") && listens(leader, PGBOUNCER_PORT)) missing.delete("PgBouncer");
      if (missing.has("Odoo") && listens(leader, ODOO_PORT) && (await answersHttp(leader))) missing.delete("Odoo");
      if (missing.size === 0) return;
    }
    if (Date.now() > deadline)
      throw new Error(`${[...missing].join(" and ")} did not answer within ${withinMs / 1000} s`);
  }
}

/** A server's greeting: RFC 4253, section 4.2. */
async function answersSsh(address: string): Promise<boolean> {
  return await new Promise((answer) => {
    const socket = connect({ host: address, port: 22, timeout: 1_000 });
    const end = (answered: boolean) => {
      socket.destroy();
      answer(answered);
    };
    socket.once("data", (greeting) => end(greeting.toString("latin1").startsWith("SSH-2.0-")));
    socket
      .once("error", () => end(false))
      .once("timeout", () => end(false))
      .once("close", () => end(false));
  });
}

/** Whether something listens on the port in the process's network namespace (proc(5), net/tcp: state 0A). */
function listens(pid: number, port: number): boolean {
  try {
    const suffix = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
    const sockets = readFileSync(`/proc/${pid}/net/tcp`, "utf8")
      .split("\n")
      .map((line) => line.trim().split(/\s+/));
    return sockets.some(([, local, , state]) => state === "0A" && local?.endsWith(suffix));
  } catch {
    return false;
  }
}

/** A file that Odoo serves without a database, asked for inside: Odoo listens on the host's loopback only. */
async function answersHttp(leader: number): Promise<boolean> {
  const curl = ["/usr/bin/curl", "--silent", "--fail", "--max-time", "5", "--output", "/dev/null"];
  const url = `http://127.0.0.1:${ODOO_PORT}/web/static/src/img/favicon.ico`;
  return await run("nsenter", ["--target", String(leader), "--mount", "--net", "--", ...curl, url]).then(
    () => true,
    () => false,
  );
}
