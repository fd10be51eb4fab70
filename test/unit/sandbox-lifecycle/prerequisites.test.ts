import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { openInstance } from "../../../sandbox/instance.ts";
import { mountsBelow, overlaysOn } from "../../../sandbox/lifecycle/leftovers.ts";
import {
  missingPrerequisites,
  NotPossibleHere,
  PortsTaken,
  takenPorts,
} from "../../../sandbox/lifecycle/prerequisites.ts";
import { NotRunning, sandboxStatus } from "../../../sandbox/lifecycle/status.ts";
import { undoAfter } from "../../undo.ts";
import { ownDirectory, setEnvironment } from "../sandbox-engine/world.ts";

const DEBIAN = { platform: "linux", uid: 0, nodeVersion: "24.21.0", hasApt: true } as const;

test("root on Debian is enough", () => {
  assert.deepEqual(missingPrerequisites(DEBIAN), []);
});

test("everything that is missing is told at once, with the way out", () => {
  const problems = missingPrerequisites({ ...DEBIAN, uid: 1000, hasApt: false, nodeVersion: "22.20.0" });
  assert.equal(problems.length, 3);
  const text = new NotPossibleHere(problems).message;
  for (const part of ["sudo", "Debian 12", "npm ci", "npm run test:unit", "npm run serve"])
    assert.ok(text.includes(part), `${part} in\n${text}`);
});

test("another system is told to use Debian, and is not asked for root", () => {
  const problems = missingPrerequisites({ ...DEBIAN, platform: "darwin", uid: 501, hasApt: false });
  assert.equal(problems.length, 1);
  assert.match(problems[0] ?? "", /darwin: use a Debian 12 machine/);
});

test("a port that somebody else listens on is named with how to choose another", async (t) => {
  setEnvironment(t, { ODOO_TENANTS_STATE: join(ownDirectory(t), "state") });
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  undoAfter(t, () => {
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const instance = await openInstance("test", { edge: port });
  const taken = await takenPorts(instance);
  assert.equal(taken.length, 1);
  const other = port > 64_000 ? port - 1000 : port + 1000;
  assert.match(taken[0] ?? "", new RegExp(`Port ${port} \\(edge\\) is taken.*--port edge=${other}`));
  const { message } = new PortsTaken(taken);
  assert.ok(message.includes(taken[0] ?? "-") && !message.includes("root"), "nothing about another machine");
});

test("a sandbox that does not run has no status", async (t) => {
  setEnvironment(t, { ODOO_TENANTS_STATE: join(ownDirectory(t), "state") });
  const notRunning = (error: Error) => error instanceof NotRunning && /npm start/.test(error.message);
  await assert.rejects(sandboxStatus(undefined), notRunning);
  await assert.rejects(sandboxStatus(await openInstance("test")), notRunning);
});

test("mounts below a directory are found, the deepest first, whatever is in their names", () => {
  const mountinfo = [
    "22 1 254:0 / / rw - ext4 /dev/vda rw",
    "40 22 0:40 / /state/default/host/root rw - overlay overlay rw",
    "41 40 0:41 / /state/default/host/root/proc rw - proc proc rw",
    "42 22 0:42 / /state/default2 rw - tmpfs tmpfs rw",
    "43 22 0:43 / /state/default/with\\040blank rw - tmpfs tmpfs rw",
  ].join("\n");
  assert.deepEqual(
    mountsBelow("/state/default", mountinfo),
    ["/state/default/host/root/proc", "/state/default/with blank", "/state/default/host/root"].toSorted(
      (a, b) => b.length - a.length,
    ),
  );
});

test("hosts that run on a cache's tree are found", () => {
  const mountinfo = [
    "22 1 254:0 / / rw - ext4 /dev/vda rw",
    "40 22 0:40 / /state/a/host/root rw - overlay overlay rw,lowerdir=/cache/host/tree-1,upperdir=/state/a/host/upper",
    "41 22 0:41 / /elsewhere rw - overlay overlay rw,lowerdir=/cache2/host/tree-1,upperdir=/cache/upper",
  ].join("\n");
  assert.deepEqual(overlaysOn("/cache", mountinfo), ["/state/a/host/root"]);
});
