import type { RequestHandler } from "express";
import { withLogFields, logFields } from "../../telemetry/log-fields.ts";
import { beginSpan, fail, SpanKind, within } from "../../telemetry/spans.ts";
import { requestIdOf } from "./request-id.ts";

/** Asked for every few seconds by machines: neither traced nor of interest. */
const UNTRACED = /^\/(livez|healthz|readyz|metrics)$/;

/** A span for each request, and its id on all log lines that come of it. Streams are left out: they last for hours. */
export const traceRequests: RequestHandler = (req, res, next) => {
  const requestId = requestIdOf(res);
  withLogFields({ requestId }, () => {
    res.locals["logFields"] = logFields();
    if (UNTRACED.test(req.path) || req.get("accept") === "text/event-stream") return next();
    const span = beginSpan(
      req.method,
      { "http.request.method": req.method, "odoosaas.request_id": requestId },
      SpanKind.SERVER,
    );
    res.once("close", () => {
      const route = res.locals["route"] as string | undefined; // `GET /api/tenants/{id}`
      if (route !== undefined) span.updateName(route).setAttribute("http.route", route.slice(route.indexOf(" ") + 1));
      span.setAttribute("http.response.status_code", res.statusCode);
      if (res.statusCode >= 500) fail(span, String(res.statusCode));
      span.end();
    });
    within(span, next);
  });
};
