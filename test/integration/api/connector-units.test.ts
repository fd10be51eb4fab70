import assert from "node:assert/strict";
import { test } from "node:test";
import { ConnectorUnits, type LogEntry, parseStatus } from "../../../automation/api/host/connector-units.ts";
import { HostShell } from "../../../automation/api/host/host-shell.ts";
import { FieldError } from "../../../components/field-error.ts";
import { connectorUnitCommand } from "../../../components/host/connector-unit.ts";
import { until } from "../../until.ts";
import { startSshHost, strangersKey } from "./ssh-host.ts";

const SHOWN = `LoadState=loaded
ActiveState=active
SubState=running
UnitFileState=enabled
Result=success
ActiveEnterTimestamp=Mon 2026-03-02 10:11:12 UTC
NRestarts=2
MainPID=4711
Environment=TUNNEL_METRICS=127.0.0.1:21003 TUNNEL_EDGE=10.214.0.1:7844`;

const TOOLS = {
  "connector-unit": connectorUnitCommand().text,
  systemctl: `
case "$1" in
  show) [ "$2" = cloudflared-acme-tunnel.service ] || exit 4; cat <<'SHOWN'\n${SHOWN}\nSHOWN\n ;;
  restart) echo restarted >&2 ;;
esac`,
  curl: `[[ "$*" == *http://127.0.0.1:21003/ready ]] && printf '{"status":200,"readyConnections":4,"connectorId":"c0ffee"}'`,
  journalctl: `
for n in 1 2; do printf '{"__CURSOR":"s=%s","__REALTIME_TIMESTAMP":"1772446272000000","PRIORITY":"6","MESSAGE":"line %s of %s"}\\n' "$n" "$n" "$*"; done
printf 'not json\\n{"__CURSOR":"s=3","__REALTIME_TIMESTAMP":"1772446272000001","MESSAGE":[104,105]}\\n'
[[ "$*" == *--follow* ]] && sleep 60`,
};

test("a service's status is what systemd and cloudflared say", async (t) => {
  const ssh = await startSshHost(t, TOOLS);
  const shell = new HostShell(() => ssh.key);
  t.after(() => shell.close());
  const units = new ConnectorUnits(shell);
  assert.deepEqual(await units.status(ssh.host, "cloudflared-acme-tunnel"), {
    installed: true,
    activeState: "active",
    subState: "running",
    enabled: true,
    since: new Date("2026-03-02T10:11:12Z"),
    restarts: 2,
    pid: 4711,
    ready: { connections: 4, connectorId: "c0ffee" },
  });
  assert.deepEqual(ssh.commands, ["sudo -n /usr/local/lib/odoosaas/connector-unit status"]);
  assert.equal((await units.restart(ssh.host, "cloudflared-acme-tunnel")).pid, 4711);
  assert.equal(ssh.connections(), 1, "one connection serves several calls");
});

test("a service that is not there, and one that does not answer", () => {
  const missing = parseStatus(
    "LoadState=not-found\nActiveState=inactive\nSubState=dead\nUnitFileState=\nActiveEnterTimestamp=\nNRestarts=0\nMainPID=0\nEnvironment=\nReady=\n",
  );
  assert.deepEqual(missing, {
    installed: false,
    activeState: "inactive",
    subState: "dead",
    enabled: false,
    since: null,
    restarts: 0,
    pid: null,
    ready: null,
  });
  assert.equal(parseStatus("Ready=<html>busy</html>").ready, null);
});

test("log lines are read from the journal, odd ones included, and tokens in them masked", async (t) => {
  const token = Buffer.from(JSON.stringify({ a: "account-of-somebody", t: "tunnel", s: "secret" })).toString("base64");
  const ssh = await startSshHost(t, {
    ...TOOLS,
    journalctl: `${TOOLS.journalctl}\nprintf '{"__CURSOR":"s=4","__REALTIME_TIMESTAMP":"1","MESSAGE":"run --token ${token}"}\\n'`,
  });
  const shell = new HostShell(() => ssh.key);
  t.after(() => shell.close());
  const entries = await new ConnectorUnits(shell).logs(ssh.host, "cloudflared-acme-tunnel", 7);
  assert.deepEqual(entries[0], {
    cursor: "s=1",
    at: new Date("2026-03-02T10:11:12Z"),
    priority: 6,
    message: "line 1 of --unit=cloudflared-acme-tunnel.service --lines=7 --no-pager --quiet --output=json",
  });
  assert.deepEqual(
    entries.slice(2).map(({ message }) => message),
    ["hi", "run --token [token]"],
  );
});

test("a journal is followed until the reader leaves, and the command goes with him", async (t) => {
  const ssh = await startSshHost(t, TOOLS);
  const shell = new HostShell(() => ssh.key);
  t.after(() => shell.close());
  const leaving = new AbortController();
  const seen: LogEntry[] = [];
  for await (const entry of new ConnectorUnits(shell).follow(
    ssh.host,
    "cloudflared-acme-tunnel",
    { lines: 5, cursor: "s=0;i=1" },
    leaving.signal,
  )) {
    if (seen.push(entry) === 3) leaving.abort();
  }
  assert.match(seen[0]?.message ?? "", /--after-cursor=s=0;i=1 --lines=all --follow/);
  await until("the command on the host to end", ssh.running, (running) => running === 0, 10_000);
});

test("a restart that does not connect says what the service said last", async (t) => {
  const ssh = await startSshHost(t, {
    ...TOOLS,
    systemctl: `[ "$1" != restart ]`,
    journalctl: "echo 'Unauthorized: Invalid tunnel secret'",
  });
  const shell = new HostShell(() => ssh.key);
  t.after(() => shell.close());
  await assert.rejects(new ConnectorUnits(shell).restart(ssh.host, "cloudflared-acme-tunnel"), {
    kind: "ConnectorFailed",
    message: /on host 105: Unauthorized: Invalid tunnel secret/,
  });
});

test("what a command is told comes by standard input, where no shell reads it", async (t) => {
  const ssh = await startSshHost(t, { ...TOOLS, told: "cat" });
  const shell = new HostShell(() => ssh.key);
  t.after(() => shell.close());
  const variables = { A: "a'b; echo $HOME", B: "" };
  const { stdout } = await shell.run(ssh.host, { name: "told", verb: "up", variables }, 5_000);
  assert.equal(stdout, "A=a'b; echo $HOME\nB=\n");
  assert.deepEqual(ssh.commands, ["sudo -n /usr/local/lib/odoosaas/told up"]);
  await assert.rejects(
    shell.run(ssh.host, { name: "told", verb: "up", variables: { A: "a\nB=b" } }, 5_000),
    FieldError,
  );
});

const call = (name: string) => ({ name, verb: "up", variables: {} });
const [QUICK, SLOW, FAILING] = [call("quick"), call("slow"), call("failing")];
const CALLED = { quick: "true", slow: "sleep 30", failing: "exit 3" };

test("a host with another key than the pinned one is refused", async (t) => {
  const [ours, other] = [await startSshHost(t, CALLED), await startSshHost(t, CALLED)];
  const shell = new HostShell(() => ours.key);
  t.after(() => shell.close());
  const pinned = { ...ours.host, ssh: { ...ours.host.ssh, hostKey: other.host.ssh.hostKey } };
  await assert.rejects(shell.run(pinned, QUICK, 5_000), { kind: "HostKeyMismatch", status: 502 });
  assert.deepEqual(ours.commands, []);
});

test("a host that does not know our key, is not there, or takes too long is told apart", async (t) => {
  const ssh = await startSshHost(t, CALLED);
  const stranger = new HostShell(() => strangersKey());
  const shell = new HostShell(() => ssh.key);
  t.after(() => Promise.all([stranger.close(), shell.close()]));
  await assert.rejects(stranger.run(ssh.host, QUICK, 5_000), { kind: "HostRefused" });
  await assert.rejects(shell.run({ ...ssh.host, ssh: { ...ssh.host.ssh, port: 1 } }, QUICK, 5_000), {
    kind: "HostUnreachable",
  });
  await assert.rejects(shell.run(ssh.host, SLOW, 200), { kind: "HostTooSlow", status: 504 });
  await until("the slow command to end", ssh.running, (running) => running === 0, 10_000);
  const leaving = new AbortController();
  const asked = shell.run(ssh.host, SLOW, 20_000, leaving.signal);
  await until("the command to run", ssh.running, (running) => running === 1, 5_000);
  leaving.abort();
  await assert.rejects(asked, { name: "AbortError" });
});

test("whoever leaves before the command was started is not waited for", async (t) => {
  const ssh = await startSshHost(t, CALLED);
  const shell = new HostShell(() => ssh.key);
  t.after(() => shell.close());
  const leaving = new AbortController();
  const connecting = shell.run(ssh.host, SLOW, 20_000, leaving.signal);
  leaving.abort();
  await assert.rejects(connecting, { name: "AbortError" });
  const again = new AbortController();
  await shell.run(ssh.host, QUICK, 5_000);
  const starting = shell.run(ssh.host, SLOW, 20_000, again.signal);
  setImmediate(() => again.abort()); // asked for by now, and not answered yet
  await assert.rejects(starting, { name: "AbortError" });
  await until("the slow command to end", ssh.running, (running) => running === 0, 10_000);
});

test("a connection that broke is made anew", async (t) => {
  const ssh = await startSshHost(t, CALLED);
  const shell = new HostShell(() => ssh.key);
  t.after(() => shell.close());
  await shell.run(ssh.host, QUICK, 5_000);
  await shell.close();
  assert.equal((await shell.run(ssh.host, FAILING, 5_000)).code, 3);
  assert.equal(ssh.connections(), 2);
});
