import pg from "pg";

/**
 * Drops a database that PostgreSQL has marked invalid (`datconnlimit` -2, since 11.21, 12.16, 13.12, 14.9 and 15.4): its
 * DROP DATABASE was cut off when files may have been gone already. Any other statement about it is refused, so the
 * provider, which first shuts it by ALTER DATABASE, never gets to drop it. A database that is not invalid is left alone.
 *
 * Whoever drops must be its owner. The owner's membership is borrowed as the provider borrows it, under the provider's
 * locks on the connected role, so that neither takes away what the other still needs.
 */
export async function dropInvalid(pool: pg.Pool, name: string): Promise<void> {
  const client = await pool.connect();
  try {
    // Locks of the session: DROP DATABASE allows no transaction.
    await client.query("select pg_advisory_lock(oid::bigint) from pg_roles where rolname = current_user");
    await client.query(
      `select pg_advisory_lock(member::bigint) from pg_auth_members m join pg_roles r on r.oid = m.roleid
       where rolname = current_user`,
    );
    const { rows } = await client.query<{ owner: string; member: boolean }>(
      `select rolname as owner, pg_has_role(r.oid, 'usage') as member
       from pg_database d join pg_roles r on r.oid = d.datdba where datname = $1 and datconnlimit = -2`,
      [name],
    );
    for (const { owner, member } of rows) {
      const role = pg.escapeIdentifier(owner);
      if (!member) await client.query(`grant ${role} to current_user`);
      try {
        // The one that was believed to be cut off may end meanwhile.
        await client.query(`drop database if exists ${pg.escapeIdentifier(name)}`);
      } finally {
        if (!member) await client.query(`revoke ${role} from current_user`);
      }
    }
  } finally {
    client.release(true); // its locks end with its session
  }
}
