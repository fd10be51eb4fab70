import assert from "node:assert/strict";
import { test } from "node:test";
import type { Ssh } from "./ssh.ts";
import { HOST_ROLE, makeHostWorld, type HostWorld } from "./world.ts";

const PASSWORDS = { acme: "password-of-acme", globex: "password-of-globex" };

test("Odoo on the host serves each tenant from its own database, under its own role", async (t) => {
  const world = await makeHostWorld(t);
  const host = await world.start();
  const ssh = await world.ssh(host);
  for (const tenant of ["acme", "globex"] as const) await addTenant(world, ssh, tenant);

  await t.test("a database is initialised through PgBouncer and belongs to its tenant inside", async () => {
    const arguments_ = "-c /etc/odoo/odoo.conf -d acme -i base --without-demo=all --stop-after-init --no-http";
    await ssh.ok(`runuser -u odoo -- odoo ${arguments_}`);
    const owners = await world.sql("acme", "select distinct tableowner from pg_tables where schemaname = 'public'");
    assert.deepEqual(owners.rows, [{ tableowner: "tenant_acme" }]);
  });

  await t.test("the host name chooses the database, and no other is shown", async () => {
    assert.match(await page(ssh, "acme.odoo.localhost", "/web/login"), /^200 .*name="password"/s);
    assert.match(await page(ssh, "unknown.odoo.localhost", "/web/login"), /^(303|404) /);
    const manager = await page(ssh, "acme.odoo.localhost", "/web/database/manager");
    assert.match(manager, /^[0-9]+ .*The database manager has been disabled by the administrator/s);
    assert.doesNotMatch(manager, /globex/);
    assert.doesNotMatch(await page(ssh, "acme.odoo.localhost", "/web/database/selector"), /globex/);
  });

  await t.test("what a tenant's sessions may not do to the others is refused", async () => {
    const asTenant = async (statement: string) => await throughPgbouncer(ssh, "acme", statement);
    assert.equal((await asTenant("select current_user, current_database()")).stdout, "tenant_acme|acme\n");
    const pid = "(select pid from pg_stat_activity where datname = 'globex' limit 1)";
    const neighbour = await world.connect("globex");
    await neighbour.query("select 'private'");
    for (const [statement, refusal] of [
      ["alter database globex rename to stolen", /must be owner of database globex/],
      ["alter database acme rename to stolen", /must be owner of database acme/],
      ["drop database globex", /must be owner of database globex/],
      ["create database more", /permission denied to create database/],
      [`set role ${HOST_ROLE.name}`, /permission denied to set role/],
      ["set role tenant_globex", /permission denied to set role/],
      ["set session authorization tenant_globex", /permission denied to set session authorization/],
      [
        "reset role; reset session authorization; alter role tenant_globex password 'x'",
        /must have CREATEROLE|permission denied/,
      ],
      [`select pg_terminate_backend(${pid})`, /must be a (superuser|member)/],
      [
        `select 1 / count(*) from pg_stat_activity where datname = 'globex' and query <> '<insufficient privilege>'`,
        /division by zero/,
      ],
      ["copy (select 1) to program 'id'", /pg_execute_server_program|superuser/],
      ["select pg_read_file('/etc/passwd')", /permission denied/],
      ["select * from pg_authid", /permission denied/],
    ] as const) {
      const result = await asTenant(statement);
      assert.notEqual(result.code, 0, statement);
      assert.match(result.stderr, refusal, statement);
    }
    const elsewhere = await ssh.run(
      `psql -X -h ${world.options.gateway} -p ${world.options.postgres.port} -U tenant_acme globex -c ''`,
    );
    assert.notEqual(elsewhere.code, 0);
    assert.match((await throughPgbouncer(ssh, "unmapped", "select 1")).stderr, /no such database/);
  });

  await t.test("the host dumps and lists a database of the newer server", async () => {
    const server = `-h ${world.options.gateway} -p ${world.options.postgres.port} -U tenant_acme`;
    await ssh.ok(
      `read -r PGPASSWORD; export PGPASSWORD; pg_dump ${server} --format=custom --file=/tmp/acme.dump acme`,
      PASSWORDS.acme,
    );
    assert.match(await ssh.ok("pg_restore --list /tmp/acme.dump"), /TABLE DATA public res_users tenant_acme/);
  });

  await host.stop();
  const again = await world.ssh(await world.start());
  assert.match(await page(again, "acme.odoo.localhost", "/web/login"), /^200 /, "the tenant is there after a restart");
});

/** As a tenant's components do it: section 3.1 of the design. */
async function addTenant(world: HostWorld, ssh: Ssh, name: keyof typeof PASSWORDS): Promise<void> {
  const role = `tenant_${name}`;
  const password = PASSWORDS[name];
  await world.sql("postgres", `create role ${role} login password '${password}'`);
  await world.sql("postgres", `create database ${name} owner ${HOST_ROLE.name}`);
  await world.sql("postgres", `revoke all on database ${name} from public`);
  await world.sql("postgres", `grant connect, create, temporary on database ${name} to ${role}`);
  await world.sql(name, `alter schema public owner to ${role}`);
  const { host, port } = world.options.postgres;
  const mapping = `${name} = host=${host} port=${port} dbname=${name} user=${role} password=${password}`;
  await ssh.ok(`umask 027; cat >/etc/pgbouncer/tenants.d/${name}.ini`, `${mapping}\n`);
  await ssh.ok("cat /etc/pgbouncer/tenants.d/*.ini >/etc/pgbouncer/tenants.ini; systemctl reload pgbouncer");
}

/** "200 <body>" of a page as the connector asks for it. */
async function page(ssh: Ssh, host: string, path: string): Promise<string> {
  const format = "--write-out '%{stderr}%{http_code}'";
  const result = await ssh.run(`curl --silent ${format} -H 'Host: ${host}' http://127.0.0.1:8069${path}`);
  return `${result.stderr} ${result.stdout}`;
}

/** SQL on the way that Odoo takes. */
async function throughPgbouncer(ssh: Ssh, database: string, statement: string) {
  const psql = `psql -X -A -t -q -v ON_ERROR_STOP=1 -h 127.0.0.1 -p 6432 -U ${HOST_ROLE.name} -d ${database}`;
  return await ssh.run(`read -r PGPASSWORD; export PGPASSWORD; exec ${psql}`, `${HOST_ROLE.password}\n${statement};\n`);
}
