"""What visitors of a suspended tenant see: a page with status 503 and the way to pay.

Runs on the tenant host behind the tenants' own tunnels (host-baseline.sh installs it). Environment: PORT, PAY_URL (with
{subdomain}), CONTACT. Standard library only: every Odoo host has Python 3.7 or newer.
"""

import html
import os
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><meta name="robots" content="noindex">
<title>{name} is paused</title>
<style>
:root {{ color-scheme: light dark; font: 17px/1.6 system-ui, sans-serif; }}
body {{ display: grid; grid-template-columns: minmax(0, 34rem); place-content: center; min-height: 90vh; margin: 1rem; }}
h1 {{ font-size: clamp(1.4rem, 6vw, 2rem); line-height: 1.25; overflow-wrap: break-word; }}
a.pay {{ display: inline-block; padding: .6rem 1.2rem; border-radius: .5rem; background: #714b67; color: #fff; text-decoration: none; }}
a.pay:focus-visible {{ outline: 3px solid currentColor; outline-offset: 2px; }}
</style>
</head>
<body><main>
<h1>{name} is paused</h1>
<p>Most often the subscription has ended, or a payment did not go through. <strong>All data is kept</strong>, and after
a payment this Odoo is back within seconds.</p>
{pay}
{contact}
</main></body>
</html>
"""


class Page(BaseHTTPRequestHandler):
    server_version = "odoosaas"
    sys_version = ""

    def answer(self):
        host = (self.headers.get("X-Forwarded-Host") or self.headers.get("Host") or "").split(":")[0]
        subdomain = host.split(".")[0]
        pay, contact = os.environ.get("PAY_URL", ""), os.environ.get("CONTACT", "")
        address = pay.replace("{subdomain}", urllib.parse.quote(subdomain, safe=""))
        body = PAGE.format(
            name=html.escape(host or "This service"),
            pay='<p><a class="pay" href="%s">Pay and continue</a></p>' % html.escape(address, quote=True) if pay else "",
            contact="<p>Questions? %s</p>" % html.escape(contact) if contact else "",
        ).encode()
        self.send_response(503)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Retry-After", "3600")
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        self.close_connection = True

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = answer

    def log_message(self, *_):
        """Visitors are counted at the edge, not here."""


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Page).serve_forever()
