import assert from "node:assert/strict";
import { test } from "node:test";
import pg from "pg";
import { scramVerifier } from "../../../automation/secrets/scram.ts";
import { filePostgres } from "../../database.ts";

const postgres = await filePostgres();

test("PostgreSQL takes a verifier in the password's place, and the password opens", async () => {
  const admin = new pg.Client({ connectionString: postgres.url });
  await admin.connect();
  try {
    const password = "a new 'password' with $signs";
    await admin.query(`create role somebody login password ${admin.escapeLiteral(scramVerifier(password))}`);
    const { rows } = await admin.query<{ kept: string }>(
      "select rolpassword as kept from pg_authid where rolname = 'somebody'",
    );
    const salt = Buffer.from(/:([^$]+)\$/.exec(rows[0]?.kept ?? "")?.[1] ?? "", "base64");
    assert.equal(rows[0]?.kept, scramVerifier(password, salt));
    // The same as PostgreSQL would have made of the password itself.
    await admin.query(
      `set password_encryption = 'scram-sha-256'; alter role somebody password ${admin.escapeLiteral(password)}`,
    );
    const made =
      (await admin.query<{ kept: string }>("select rolpassword as kept from pg_authid where rolname = 'somebody'"))
        .rows[0]?.kept ?? "";
    assert.equal(made, scramVerifier(password, Buffer.from(/:([^$]+)\$/.exec(made)?.[1] ?? "", "base64")));
  } finally {
    await admin.query("drop role if exists somebody");
    await admin.end();
  }
  assert.throws(() => scramVerifier("pässword"), /ASCII/);
});
