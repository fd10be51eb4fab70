// Runs before a tunnel is deleted, after its connector has stopped: closes what is still connected and waits until
// Cloudflare sees no connection. `input` stands before this text: {apiToken, accountId, tunnelId, baseUrl?}.
// A tunnel that is gone already has no connections. Deadline: 60 s; a longer block by Cloudflare ends it at once, and
// what it says then is how the server knows for how long to leave Cloudflare alone.
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
  const after = Number(response.headers.get("retry-after") ?? 2);
  const told = response.headers.has("retry-after") ? `; Retry-After: ${Math.ceil(after)}` : "";
  const text = (await response.text()).slice(0, 500);
  const said = `Cloudflare answered ${response.status} to ${method} of the tunnel's connections${told}: ${text}`;
  const passes = response.status === 429 || response.status >= 500;
  if (passes && Date.now() + after * 1_000 < deadline) return { again: after, said };
  // Anything else (a token without the permission, say) does not heal by asking again.
  console.error(said);
  process.exit(1);
}

const deadline = Date.now() + 60_000;
for (let wait = 100; ; wait = Math.min(wait * 2, 2_000)) {
  const seen = await call("GET").catch((error) => ({
    again: 2,
    said: `Cloudflare did not answer: ${error.cause?.message ?? error.message}`,
  }));
  if (seen.gone || seen.result?.length === 0) process.exit(0);
  if (Date.now() > deadline) {
    const left = `tunnel ${input.tunnelId} still has ${seen.result?.length} connector(s) after 60 s: stop them and try again`;
    console.error(seen.said ?? left);
    process.exit(1);
  }
  if (seen.result) await call("DELETE").catch(() => undefined);
  await sleep(seen.again ? Math.min(seen.again * 1_000, deadline - Date.now() + 1) : wait);
}
