import { readFileSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import express, { type RequestHandler, Router } from "express";
import helmet from "helmet";

const ASSETS = dirname(fileURLToPath(import.meta.resolve("swagger-ui-dist/swagger-ui.css")));
const PAGE = readFileSync(new URL("./reference-page.html", import.meta.url), "utf8");
const START = readFileSync(new URL("./reference-page.js", import.meta.url), "utf8");

/** /docs: the OpenAPI document, readable and to be tried out, from files of this server alone. */
export function referencePage(): Router {
  const content =
    (type: string, text: string): RequestHandler =>
    (_req, res) =>
      void res.type(type).set("cache-control", "no-cache").send(text);
  // The page draws its icons from data: addresses; nothing else differs from the rest of the server.
  const policy = helmet({
    contentSecurityPolicy: { directives: { "img-src": ["'self'", "data:"], "upgrade-insecure-requests": null } },
  });
  return Router()
    .use("/docs", policy)
    .get("/docs", content("html", PAGE))
    .get("/docs/start.js", content("text/javascript", START))
    .use("/docs/assets", express.static(ASSETS, { index: false, maxAge: "1d", extensions: false, dotfiles: "ignore" }));
}
