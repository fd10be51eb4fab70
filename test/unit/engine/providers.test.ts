import assert from "node:assert/strict";
import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { Providers } from "../../../automation/engine/providers.ts";
import { until } from "../../until.ts";

const env = { PATH: process.env["PATH"] ?? "" };
const demo = { name: "demo", version: "1.0.0" };

test("a provider stays alive between runs, and a dead one is replaced", async (t) => {
  const { providers } = await world(t, "echo $((20000 + $$ % 10000)); exec sleep 1000");
  const first = await providers.attach();
  assert.match(first, /^demo:2\d{4}$/);
  assert.equal(await providers.attach(), first);
  const [guard] = providers.pids;
  process.kill(guard ?? 0, "SIGTERM");
  await until(
    "a new one",
    () => providers.attach(),
    (port) => port !== first && port !== "",
    5_000,
  );
});

test("after a cancelled run, which may have cancelled it for good, each provider is a fresh process", async (t) => {
  const { providers } = await world(t, "echo $((20000 + $$ % 10000)); exec sleep 1000");
  const first = await providers.attach();
  providers.renew();
  assert.notEqual(await providers.attach(), first);
});

test("what cannot be kept alive is left to the engine, and told", async (t) => {
  const broken = await world(t, "echo no port today; sleep 1000");
  assert.equal(await broken.providers.attach(), "");
  assert.match(broken.told.join(), /demo.*"no port today" instead of a port/);
  const ending = await world(t, "echo boom >&2; exit 3");
  assert.equal(await ending.providers.attach(), "");
  assert.match(ending.told.join(), /ended with 3/);
  const missing = new Providers([{ ...demo, version: "2.0.0" }], ending.home, env, () => {});
  assert.equal(await missing.attach(), "");
});

test("a package that one stack configures in two ways is not attached any more", async (t) => {
  const { providers, told } = await world(t, "echo 20001; exec sleep 1000");
  assert.equal(await providers.attach(), "demo:20001");
  providers.exclude("demo");
  assert.equal(await providers.attach(), "");
  assert.match(told.join(), /several ways/);
});

async function world(t: TestContext, script: string): Promise<{ providers: Providers; told: string[]; home: string }> {
  const home = await mkdtemp(join(tmpdir(), "odoosaas-providers-"));
  const directory = join(home, "plugins", "resource-demo-v1.0.0");
  await mkdir(directory, { recursive: true });
  await writeFile(join(directory, "pulumi-resource-demo"), `#!/bin/bash\n${script}\n`);
  await chmod(join(directory, "pulumi-resource-demo"), 0o755);
  const told: string[] = [];
  const providers = new Providers([demo], home, env, (line) => told.push(line));
  t.after(async () => {
    providers.renew();
    await rm(home, { recursive: true, force: true });
  });
  return { providers, told, home };
}
