import { z } from "zod";
import { ApiError } from "./api-error.ts";

const Text = z.string().nullish();
const Flag = z.boolean().nullish();
const Seconds = z.number().int().min(0).nullish();

/** Timeouts are whole seconds. Fields that are not known are kept as they are. */
const OriginRequest = z
  .looseObject({
    access: z.looseObject({ audTag: z.array(z.string()).nullish(), teamName: Text, required: Flag }).nullish(),
    caPool: Text,
    connectTimeout: Seconds,
    disableChunkedEncoding: Flag,
    http2Origin: Flag,
    httpHostHeader: Text,
    keepAliveConnections: Seconds,
    keepAliveTimeout: Seconds,
    matchSNItoHost: Flag,
    noHappyEyeballs: Flag,
    noTLSVerify: Flag,
    originServerName: Text,
    proxyType: Text,
    tcpKeepAlive: Seconds,
    tlsTimeout: Seconds,
  })
  .nullish();

const Rule = z.looseObject({ hostname: Text, path: Text, service: z.string(), originRequest: OriginRequest });

const Configuration = z.looseObject({ ingress: z.array(Rule).nullish(), originRequest: OriginRequest });

type Rule = z.infer<typeof Rule>;

/**
 * Refuses (1056) what cloudflared could not run: its own rules, from ingress/ingress.go of
 * https://github.com/cloudflare/cloudflared
 */
export function checkConfiguration(config: unknown): void {
  const read = Configuration.safeParse(config);
  if (!read.success) {
    const [issue] = read.error.issues;
    throw bad(`${issue?.path.join(".") || "config"}: ${issue?.message ?? "is not valid"}`);
  }
  const rules = read.data.ingress ?? [];
  for (const [index, rule] of rules.entries()) {
    checkHostname(rule, index, index === rules.length - 1);
    checkService(rule.service);
    if (rule.path) checkPath(rule.path, index);
  }
}

function checkHostname(rule: Rule, index: number, last: boolean): void {
  const hostname = rule.hostname ?? "";
  if (/^[^:]*:[^:]*$|^\[.*\]:/.test(hostname)) throw bad("Hostname cannot contain a port");
  if (hostname.lastIndexOf("*") > 0)
    throw bad(
      'Hostname patterns can have at most one wildcard character ("*") and it can only be used for subdomains, e.g. "*.example.com"',
    );
  const catchAll = (hostname === "" || hostname === "*") && !rule.path;
  if (last && !catchAll)
    throw bad("The last ingress rule must match all URLs (i.e. it should not have a hostname or path filter)");
  if (!last && catchAll)
    throw bad(`Rule #${index + 1} matches every hostname, so the rules after it are never reached`);
}

function checkService(service: string): void {
  const code = /^http_status:(.*)$/.exec(service)?.[1];
  if (code !== undefined) {
    if (!/^[1-9]\d\d$/.test(code)) throw bad(`invalid HTTP status code: ${code}`);
    return;
  }
  if (/^(hello_world|hello-world|bastion|socks-proxy)$|^unix(\+tls)?:/.test(service)) return;
  const address = /^([a-z][a-z0-9+.-]*):\/\/([^/?#]+)([^?#]*)/i.exec(service);
  if (!address) throw bad(`${service} is an invalid address, please make sure it has a scheme and a hostname`);
  if (address[3])
    throw bad(`${service} is an invalid address: ingress rules do not support a path on the origin service`);
}

/**
 * cloudflared compiles the path by Go's RE2. JavaScript's own syntax check comes near: what RE2 lacks is refused here,
 * and its leading flags, `(?i)`, are known.
 */
function checkPath(path: string, index: number): void {
  const invalid = (why: string) => bad(`Rule #${index + 1} has an invalid regex: ${why}`);
  if (/(?<!\\)\((\?=|\?!|\?<=|\?<!)/.test(path)) throw invalid("lookaround is not supported");
  if (/\\[1-9]/.test(path)) throw invalid("backreferences are not supported");
  try {
    new RegExp(path.replace(/^\(\?[imsU-]+\)/, "").replaceAll("(?P<", "(?<"));
  } catch (error) {
    throw invalid((error as Error).message);
  }
}

/** The code is likely, not verified; the words before the colon are the API's. */
function bad(why: string): ApiError {
  return new ApiError(400, 1056, `Bad Configuration: Validation failed: ${why}`);
}
