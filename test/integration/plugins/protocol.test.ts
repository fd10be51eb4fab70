import assert from "node:assert/strict";
import { once } from "node:events";
import { test, type TestContext } from "node:test";
import { bridged } from "../../../sandbox/plugins/framework/bridged.ts";
import { parseSchema } from "../../../sandbox/plugins/framework/package-schema.ts";
import { serveProvider } from "../../../sandbox/plugins/framework/server.ts";
import { PartialFailure, type Call, type ProviderStandIn } from "../../../sandbox/plugins/framework/stand-in.ts";
import { Secret, UNKNOWN, type Properties } from "../../../sandbox/plugins/framework/value.ts";
import { ProviderClient, type RpcError } from "./provider-client.ts";

const TYPE = "test:index/thing:Thing";
const LOOKUP = "test:index/lookUp:lookUp";
const schema = parseSchema({
  name: "test",
  version: "1.2.3",
  madeWith: "terraform-sdk",
  config: { address: "string", port: "integer", password: "string secret", retry: "boolean" },
  types: {},
  functions: { [LOOKUP]: { inputs: { key: "string required" }, outputs: { value: "string required" } } },
  resources: {
    [TYPE]: {
      inputs: { name: "string required replace", note: "string", password: "string secret", size: "integer default=1" },
      outputs: {
        name: "string required",
        note: "string",
        password: "string secret",
        size: "integer",
        madeBy: "string required",
      },
    },
  },
});

interface Config {
  address: string;
}
type Work = (inputs: Properties, call: Call<Config>) => Promise<void>;

/** A provider whose resource does what the test says and then tells by which configuration it was made. */
async function serve(t: TestContext, work: Work = async () => {}): Promise<{ connect: () => ProviderClient }> {
  const outputs = (inputs: Properties, call: Call<Config>): Properties => ({ ...inputs, madeBy: call.config.address });
  const provider: ProviderStandIn<Config> = {
    schema,
    checkConfig: (config) => (config["port"] === 0 ? [{ path: "port", reason: "must not be 0" }] : []),
    configure: (config) => ({ address: config["address"] as string }),
    functions: [
      { token: LOOKUP, call: async (args, call) => ({ value: `${args["key"] as string} at ${call.config.address}` }) },
    ],
    resources: [
      bridged<Config, Properties, Properties>(schema, {
        token: TYPE,
        create: async (inputs, call) => {
          await work(inputs, call);
          return { id: "made", outputs: outputs(inputs, call) };
        },
        read: async (id, old, call) =>
          old["name"] === "gone" ? undefined : { id, outputs: { ...old, madeBy: call.config.address } },
        import: async (id) => ({ id, outputs: { name: id, size: 1, madeBy: "others" } }),
        update: async (id, planned, _old, call) => ({ id, outputs: outputs(planned, call) }),
        delete: async () => {},
      }),
    ],
  };
  const served = await serveProvider(provider);
  t.after(async () => await served.close());
  return {
    connect: () => {
      const client = new ProviderClient(served.port, TYPE);
      t.after(() => client.close());
      return client;
    },
  };
}

const message = (pattern: RegExp) => (error: RpcError) => pattern.test(error.details);

/** Pauses the work until the test goes on, or the operation ends. */
function gate(): { pause: Work; reached: Promise<void>; open: () => void } {
  let open = (): void => {};
  let arrive = (): void => {};
  const opened = new Promise<void>((resolve) => (open = resolve));
  const reached = new Promise<void>((resolve) => (arrive = resolve));
  const pause: Work = async (_inputs, { signal }) => {
    arrive();
    await Promise.race([opened, once(signal, "abort").then(() => Promise.reject(signal.reason as Error))]);
  };
  return { pause, reached, open };
}

test("checks complete the inputs, mark secrets and name what is wrong", async (t) => {
  const client = (await serve(t)).connect();
  await client.configure({ address: "a" });
  assert.deepEqual(await client.check({ name: "n", password: "p", note: null }), {
    inputs: { name: "n", password: new Secret("p") },
    failures: [],
  });
  assert.deepEqual((await client.check({ nmae: "n", size: "1" })).failures, [
    "Invalid or unknown key. Examine values at 'name.nmae'.",
    "Expected an integer, got a string. Examine values at 'name.size'.",
    "Missing required property. Examine values at 'name.name'.",
  ]);
});

test("a creation goes from preview to state, secrets staying secret", async (t) => {
  const client = (await serve(t)).connect();
  await client.configure({ address: "a" });
  const inputs = { name: "n", note: new Secret("private"), password: new Secret("p") };
  const preview = await client.create(inputs, { preview: true });
  assert.deepEqual(preview, { id: "", outputs: { ...inputs, size: 1, id: UNKNOWN, madeBy: UNKNOWN } });
  assert.deepEqual(await client.create(inputs), { id: "made", outputs: { ...inputs, size: 1, madeBy: "a" } });
});

test("differences tell the path, what is replaced and what is ignored", async (t) => {
  const client = (await serve(t)).connect();
  await client.configure({ address: "a" });
  const old = { inputs: { name: "n" }, outputs: { name: "n", size: 1, note: new Secret("x"), madeBy: "a" } };
  const news = { name: "m", size: 2, note: new Secret("x") };
  assert.deepEqual(await client.diff(old, news), {
    changes: true,
    replaces: ["name"],
    deleteBeforeReplace: false,
    detailed: { name: "UPDATE_REPLACE", size: "UPDATE" },
  });
  assert.deepEqual(await client.diff(old, news, ["name", "size"]), {
    changes: false,
    replaces: [],
    deleteBeforeReplace: false,
    detailed: {},
  });
});

test("an update keeps what is ignored as the state has it", async (t) => {
  const client = (await serve(t)).connect();
  await client.configure({ address: "b" });
  const old = { id: "1", inputs: { name: "n", size: 5 }, outputs: { name: "n", size: 7, madeBy: "a" } };
  assert.deepEqual(await client.update(old, { name: "n", size: 5, note: "new" }, { ignore: ["size"] }), {
    name: "n",
    size: 7,
    note: "new",
    madeBy: "b",
  });
  assert.equal((await client.update(old, { name: "n", size: 8 }, { preview: true }))["madeBy"], "a");
});

test("a refresh reports what is gone, an import comes with inputs", async (t) => {
  const client = (await serve(t)).connect();
  await client.configure({ address: "a" });
  assert.deepEqual(await client.read("1", { inputs: { name: "gone" }, outputs: { name: "gone" } }), {
    id: "",
    inputs: {},
    outputs: {},
  });
  const state = {
    inputs: { name: "n", password: new Secret("p") },
    outputs: { name: "n", password: new Secret("p"), madeBy: "x" },
  };
  const seen = await client.read("1", state);
  assert.deepEqual(
    [seen.inputs, seen.outputs["madeBy"], seen.outputs["password"]],
    [state.inputs, "a", new Secret("p")],
  );
  assert.deepEqual(await client.read("found"), {
    id: "found",
    inputs: { name: "found" },
    outputs: { name: "found", size: 1, madeBy: "others" },
  });
});

test("functions answer, and their arguments are checked", async (t) => {
  const client = (await serve(t)).connect();
  await client.configure({ address: "a" });
  assert.deepEqual(await client.invoke(LOOKUP, { key: "k" }), { result: { value: "k at a" }, failures: [] });
  assert.match((await client.invoke(LOOKUP, {})).failures[0] ?? "", /Missing required property.*key/);
  await assert.rejects(client.invoke("test:index/no:no", {}), message(/has no function test:index\/no:no/));
});

test("a configuration may come as the SDKs write it, all values in JSON but strings", async (t) => {
  const client = (await serve(t)).connect();
  const config = { address: "5432", port: "5432", retry: "false", password: "p", version: "1.2.3" };
  assert.deepEqual(await client.checkConfig(config), {
    inputs: { ...config, password: new Secret("p") },
    failures: [],
  });
  assert.match(
    (await client.checkConfig({ port: "many" })).failures[0] ?? "",
    /Expected an integer, got a string.*name\.port/,
  );
  assert.match((await client.checkConfig({ port: "0" })).failures[0] ?? "", /must not be 0/);
  assert.match((await client.checkConfig({ adress: "x" })).failures[0] ?? "", /unknown key.*name\.adress/);
});

test("two runs at once work each by its own configuration, also when one is configured in the middle of the other", async (t) => {
  const { pause, reached, open } = gate();
  const { connect } = await serve(t, async (inputs, call) => {
    if (inputs["name"] === "slow") await pause(inputs, call);
  });
  const [first, second] = [connect(), connect()];
  await first.configure({ address: "first" });
  const slow = first.create({ name: "slow" });
  await reached;
  await second.configure({ address: "second" });
  const quick = await second.create({ name: "quick" });
  open();
  assert.deepEqual([(await slow).outputs["madeBy"], quick.outputs["madeBy"]], ["first", "second"]);
  assert.equal((await first.create({ name: "later" })).outputs["madeBy"], "first");
});

test("a cancelled run ends, the others go on", async (t) => {
  const gates = { first: gate(), second: gate() };
  const { connect } = await serve(
    t,
    async (inputs, call) => await gates[inputs["name"] as "first" | "second"].pause(inputs, call),
  );
  const [first, second] = [connect(), connect()];
  await first.configure({ address: "same" });
  await second.configure({ address: "same" });
  const cancelled = assert.rejects(first.create({ name: "first" }), message(/the operation was cancelled/));
  const going = second.create({ name: "second" });
  await Promise.all([gates.first.reached, gates.second.reached]);
  await first.cancel();
  await cancelled;
  await assert.rejects(first.create({ name: "first" }), message(/the operation was cancelled/));
  gates.second.open();
  assert.equal((await going).id, "made");
});

test("an operation ends when the engine that asked for it goes away", async (t) => {
  const { pause, reached } = gate();
  let ended: unknown;
  const over = Promise.withResolvers<void>();
  const { connect } = await serve(t, async (inputs, call) => {
    await pause(inputs, call).catch((error: unknown) => (ended = error));
    over.resolve();
  });
  const client = connect();
  await client.configure({ address: "a" });
  const left = new AbortController();
  const request = assert.rejects(client.create({ name: "n" }, { signal: left.signal }));
  await reached;
  left.abort();
  await Promise.all([request, over.promise]);
  assert.match(String(ended), /the engine went away/);
});

test("an operation ends after the resource's own timeout", async (t) => {
  const { pause } = gate();
  const client = (await serve(t, pause)).connect();
  await client.configure({ address: "a" });
  await assert.rejects(client.create({ name: "n" }, { timeoutSeconds: 0.05 }), message(/timeout/));
});

test("what was made before something failed is reported with its state", async (t) => {
  const { connect } = await serve(t, async (inputs) => {
    throw new PartialFailure({ id: "half", outputs: { ...inputs, id: "half" } }, new Error("could not read it back"));
  });
  const client = connect();
  await client.configure({ address: "a" });
  await assert.rejects(client.create({ name: "n", password: new Secret("p") }), (error: RpcError) => {
    const details = Buffer.concat(error.metadata.get("grpc-status-details-bin").map((each) => Buffer.from(each)));
    assert.match(details.toString(), /pulumirpc\.ErrorResourceInitFailed.*half/s);
    assert.match(details.toString(), /1b47061264138c4ac30d75fd1eb44270/, "the password is still marked as secret");
    return error.details === "could not read it back";
  });
});

test("types, names and configurations that are not there are told", async (t) => {
  const { connect } = await serve(t);
  await assert.rejects(connect().create({ name: "n" }), message(/no configuration/));
  const schemaOfPackage = await connect().schema();
  assert.deepEqual(
    [schemaOfPackage.name, schemaOfPackage.version, Object.keys(schemaOfPackage.resources)],
    ["test", "1.2.3", [TYPE]],
  );
});
