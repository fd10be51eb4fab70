import { assertDocumented } from "../../integration/api/openapi-check.ts";
import type { ApiAnswer, World } from "../world.ts";

export type Json = Record<string, unknown>;
export type Asked = [method: string, path: string, body?: object, headers?: Record<string, string>];
export type Documented = Omit<ApiAnswer, "body"> & { body: Json };

export const PORT = 8090;

/** Answers every path with its own name and the host it was asked for, as some container's server that is no Odoo. */
const SERVER = `
import http.server
class Shop(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = ("the shop, asked as " + self.headers["Host"]).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
http.server.ThreadingHTTPServer(("127.0.0.1", ${PORT}), Shop).serve_forever()
`;

/** A container's server that is no Odoo, and what is asked of the API for it. */
export async function startShop({ host, sandbox }: World): Promise<Json> {
  await host.ok("cat > /root/shop.py && systemd-run --quiet --unit=shop python3 /root/shop.py", SERVER);
  const hostname = `shop.${sandbox.instance.domain}`;
  return { subscription_id: "sub_shop", container_id: 105, local_port: PORT, hostname };
}

/** Every answer is held against the OpenAPI document. */
export async function askDocumented(world: World, ...[method, path, body, headers]: Asked): Promise<Documented> {
  const answer = await world.api(method, path, body, headers);
  const type = answer.headers.get("content-type") ?? "";
  assertDocumented(method, path.split("?")[0] ?? "", answer.status, type, answer.body);
  return answer;
}
