import type { ServerResponse } from "node:http";

interface Page {
  status: number;
  /** Seconds. */
  retryAfter?: number;
  title: string;
  explanation: string;
}

/** By Cloudflare's number. */
const PAGES = {
  400: { status: 400, title: "Bad Request", explanation: "The request cannot be passed on as it is." },
  502: {
    status: 502,
    title: "Bad gateway",
    explanation: "The tunnel's connector cannot reach the web server behind it.",
  },
  524: {
    status: 524,
    title: "A timeout occurred",
    explanation: "The web server took the request, but its answer did not come in time.",
  },
  1001: { status: 409, title: "DNS resolution error", explanation: "No zone of this account has this host name." },
  1016: {
    status: 530,
    title: "Origin DNS error",
    explanation: "The zone has no proxied record that leads this host name to a tunnel.",
  },
  // Retry-After since March 2026: https://developers.cloudflare.com/changelog/
  1033: {
    status: 530,
    retryAfter: 120,
    title: "Cloudflare Tunnel error",
    explanation:
      "The tunnel of this host name is not connected: its connector (cloudflared) does not run or does not reach the edge.",
  },
} as const satisfies Record<number, Page>;

export type ErrorCode = keyof typeof PAGES;

/** Answers with one of the edge's own pages. The visitor may still be sending; that is not read. */
export function answerError(res: ServerResponse, code: ErrorCode, ray: string): void {
  const page: Page = PAGES[code];
  const body = `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>${page.title} | sandbox edge</title></head>
<body>
<h1>Error ${code}</h1>
<h2>${page.title}</h2>
<p>${page.explanation}</p>
<p>error code: ${code} &bull; Ray ID: ${ray} &bull; emulated by the sandbox, not Cloudflare</p>
</body>
</html>
`;
  res.writeHead(page.status, {
    "content-type": "text/html; charset=UTF-8",
    "content-length": Buffer.byteLength(body),
    "cache-control": "private, max-age=0, no-store",
    server: "cloudflare",
    "cf-ray": ray,
    ...(page.retryAfter !== undefined && { "retry-after": String(page.retryAfter) }),
  });
  res.end(body);
}
