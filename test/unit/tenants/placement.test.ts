import assert from "node:assert/strict";
import { test } from "node:test";
import { NoRoom, UnknownHost } from "../../../automation/tenants/errors.ts";
import { placeTenant } from "../../../automation/tenants/placement.ts";
import { examplePlatform } from "../../components/example-platform.ts";

const [host] = examplePlatform().hosts;
const hosts = [
  { ...host!, id: 105, capacity: 10 },
  { ...host!, id: 106, capacity: 4 },
];

test("a new tenant goes where there is most room", () => {
  assert.equal(placeTenant(hosts, new Map()), 105);
  assert.equal(placeTenant(hosts, new Map([[105, 8]])), 106);
});

test("a host that is asked for is taken while it has room", () => {
  assert.equal(placeTenant(hosts, new Map([[106, 3]]), 106), 106);
  assert.throws(() => placeTenant(hosts, new Map([[106, 4]]), 106), NoRoom);
  assert.throws(() => placeTenant(hosts, new Map(), 7), UnknownHost);
});

test("a full platform says so, with its capacity", () => {
  const full = new Map([
    [105, 10],
    [106, 4],
  ]);
  assert.throws(
    () => placeTenant(hosts, full),
    (error) => error instanceof NoRoom && /14 tenants/.test(error.message),
  );
});
