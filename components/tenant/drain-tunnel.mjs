// Runs before a tunnel is deleted, after its connector has stopped: closes what is still connected and waits until
// Cloudflare sees no connection. `input` stands before this text: {apiToken, accountId, tunnelId, baseUrl?}.
// A tunnel that is gone already has no connections. Deadline: 60 s.
import { setTimeout as sleep } from "node:timers/promises";

const base = (input.baseUrl ?? "https://api.cloudflare.com/client/v4").replace(/\/$/, "");
const connections = `${base}/accounts/${input.accountId}/cfd_tunnel/${input.tunnelId}/connections`;

async function call(method) {
  const response = await fetch(connections, {
    method,
    headers: { authorization: `Bearer ${input.apiToken}` },
    signal: AbortSignal.timeout(15_000),
  });
  if (response.status === 404) return { gone: true };
  if (response.ok) return response.json();
  if (response.status === 429 || response.status >= 500)
    return { again: Number(response.headers.get("retry-after") ?? 2) };
  // Anything else (a token without the permission, say) does not heal by asking again.
  console.error(
    `Cloudflare answered ${response.status} to ${method} of the tunnel's connections: ${(await response.text()).slice(0, 500)}`,
  );
  process.exit(1);
}

const deadline = Date.now() + 60_000;
let last = "nothing";
for (let wait = 100; ; wait = Math.min(wait * 2, 2_000)) {
  const seen = await call("GET").catch((error) => ({ again: 2, error }));
  if (seen.gone || seen.result?.length === 0) process.exit(0);
  last = seen.error ? String(seen.error.message) : seen.result ? `${seen.result.length} connector(s)` : "a busy API";
  if (Date.now() > deadline) {
    console.error(
      `tunnel ${input.tunnelId} still has connections after 60 s (last seen: ${last}). Stop its connectors and try again.`,
    );
    process.exit(1);
  }
  if (seen.result) await call("DELETE").catch(() => undefined);
  await sleep(seen.again ? Math.min(seen.again * 1_000, deadline - Date.now() + 1) : wait);
}
