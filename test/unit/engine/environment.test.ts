import assert from "node:assert/strict";
import { test } from "node:test";
import { engineEnvironment } from "../../../automation/engine/environment.ts";

test("the engine gets what it needs of the server's environment, and none of its secrets", () => {
  const own = {
    PATH: "/bin",
    HOME: "/root",
    AWS_REGION: "eu-west-1",
    https_proxy: "http://proxy",
    PGPASSFILE: "/run/pgpass",
    JWT_SECRET: "CANARY",
    STRIPE_API_KEY: "CANARY",
    DATABASE_URL: "CANARY",
    UNSET: undefined,
  };
  const env = engineEnvironment(own, {
    backendUrl: "postgres://db/pulumi",
    passphrase: "open sesame",
    pulumiHome: "/var/lib/pulumi",
  });
  assert.ok(!JSON.stringify(env).includes("CANARY"));
  assert.deepEqual(
    [
      env["PATH"],
      env["AWS_REGION"],
      env["https_proxy"],
      env["PGPASSFILE"],
      env["PULUMI_CONFIG_PASSPHRASE"],
      env["PULUMI_HOME"],
      env["PULUMI_BACKEND_URL"],
    ],
    ["/bin", "eu-west-1", "http://proxy", "/run/pgpass", "open sesame", "/var/lib/pulumi", "postgres://db/pulumi"],
  );
});
