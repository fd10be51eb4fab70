import * as pulumi from "@pulumi/pulumi";
import { MockMonitor } from "@pulumi/pulumi/runtime/mocks.js";

/** One resource that a program registered, as Pulumi's mocks saw it. */
export interface Registered {
  type: string;
  name: string;
  /** Inputs with secrets unwrapped. */
  inputs: Record<string, unknown>;
  /** Dotted paths of the inputs that were secret. */
  secrets: string[];
  parent: string | undefined;
  importId: string | undefined;
  dependencies: string[];
}

const SECRET = "4dabf18193072939515e22adb298388d";
const SIGNATURE = "1b47061264138c4ac30d75fd1eb44270";

/** Runs a program against mocks and tells what it registered. Once in a process: Pulumi's mocks are global. */
export async function graphOf(program: () => Promise<unknown>): Promise<Map<string, Registered>> {
  const seen = new Map<string, Registered>();
  const requests = requestsOfMockMonitor();
  await pulumi.runtime.setMocks(
    {
      newResource: (args) => {
        const secrets: string[] = [];
        const inputs = unwrap(args.inputs, "", secrets) as Record<string, unknown>;
        const request = requests.get(args.name);
        seen.set(args.name, {
          type: args.type,
          name: args.name,
          inputs,
          secrets,
          parent: request?.getParent().split("::").at(-1),
          importId: request?.getImportid() || undefined,
          dependencies: request?.getDependenciesList().map((urn) => urn.split("::").at(-1) ?? "") ?? [],
        });
        return { id: args.custom ? `${args.name}-id` : undefined, state: { ...inputs } };
      },
      call: (args): Record<string, unknown> => {
        const inputs = args.inputs as Record<string, unknown>;
        return args.token.includes("Token") ? { ...inputs, token: "tunnel-token-of-cloudflare" } : inputs;
      },
    },
    "odoosaas",
    "test",
    false,
  );
  await pulumi.runtime.runInPulumiStack(program);
  return seen;
}

/** The mocks are not told a resource's options, so they are read where the request passes. */
interface Request {
  getName(): string;
  getParent(): string;
  getImportid(): string;
  getDependenciesList(): string[];
}

function requestsOfMockMonitor(): Map<string, Request> {
  const requests = new Map<string, Request>();
  const register = MockMonitor.prototype.registerResource;
  MockMonitor.prototype.registerResource = function (this: MockMonitor, request: Request, callback: never) {
    requests.set(request.getName(), request);
    return register.call(this, request, callback);
  };
  return requests;
}

function unwrap(value: unknown, path: string, secrets: string[]): unknown {
  if (Array.isArray(value)) return value.map((item, index) => unwrap(item, `${path}[${index}]`, secrets));
  if (typeof value !== "object" || value === null) return value;
  const record = value as Record<string, unknown>;
  if (record[SECRET] === SIGNATURE) {
    secrets.push(path);
    return unwrap(record["value"], path, secrets);
  }
  return Object.fromEntries(
    Object.entries(record).map(([key, inner]) => [key, unwrap(inner, path ? `${path}.${key}` : key, secrets)]),
  );
}
