import provider from "@pulumi/pulumi/proto/provider_pb.js";
import { checkProperties, complete, markBySchema, type Failure } from "./check.ts";
import { comparePaths } from "./difference.ts";
import type { PropertySpecs, Type } from "./package-schema.ts";
import { checkFailures, diffResponse } from "./responses.ts";
import type { Answer, Serving } from "./serving.ts";
import { plainProperties, Secret, type Properties, type Value } from "./value.ts";
import { decode, encode } from "./wire.ts";

interface ConfigRequests {
  handshake: Answer<
    InstanceType<typeof provider.ProviderHandshakeRequest>,
    InstanceType<typeof provider.ProviderHandshakeResponse>
  >;
  checkConfig: Answer<InstanceType<typeof provider.CheckRequest>, InstanceType<typeof provider.CheckResponse>>;
  diffConfig: Answer<InstanceType<typeof provider.DiffRequest>, InstanceType<typeof provider.DiffResponse>>;
  configure: Answer<InstanceType<typeof provider.ConfigureRequest>, InstanceType<typeof provider.ConfigureResponse>>;
}

/** Answers about the provider itself: its capabilities and configuration. */
export function configRequests<Config>({ standIn, sessions }: Serving<Config>): ConfigRequests {
  const specs = standIn.schema.config;
  return {
    handshake: (request, { peer }) => {
      sessions.open(peer, request.getEngineAddress());
      return new provider.ProviderHandshakeResponse().setAcceptSecrets(true);
    },

    checkConfig: (request) => {
      const given = decode(request.getNews());
      const read = readConfig(specs, given);
      const failures: Failure[] = checkProperties(specs, complete(specs, read, false));
      if (failures.length === 0) failures.push(...standIn.checkConfig(plainProperties(read)));
      const response = new provider.CheckResponse().setInputs(encode(markBySchema(specs, given)));
      return response.setFailuresList(
        checkFailures(
          failures.map(({ path, reason }) => ({
            path,
            reason: `could not validate provider configuration: ${reason}`,
          })),
          nameOfUrn(request.getUrn()),
        ),
      );
    },

    // A changed configuration never replaces the provider's resources.
    diffConfig: (request) => {
      const changed = comparePaths(decode(request.getOldInputs()), decode(request.getNews()));
      const changes = new Map([...changed].map(([path, kind]) => [path, { kind, replace: false }]));
      return diffResponse({ changes, deleteBeforeReplace: false });
    },

    configure: (request, { peer }) => {
      const args = request.getArgs();
      const config = plainProperties(complete(specs, readConfig(specs, decode(args)), false));
      sessions.configure(peer, standIn.configure(config), JSON.stringify(config));
      return new provider.ConfigureResponse().setAcceptsecrets(true).setSupportspreview(true);
    },
  };
}

/** SDKs write all but strings as JSON, because configuration was once strings only: `port: "5432"`. */
function readConfig(specs: PropertySpecs, given: Properties): Properties {
  const known = Object.entries(given).filter(([name]) => name !== "version" && name !== "pluginDownloadURL");
  return Object.fromEntries(known.map(([name, value]) => [name, readValue(specs[name]?.type, value)]));
}

function readValue(type: Type | undefined, value: Value): Value {
  if (value instanceof Secret) return new Secret(readValue(type, value.value));
  if (type === undefined || type.kind === "string" || type.kind === "enum" || typeof value !== "string") return value;
  try {
    return JSON.parse(value) as Value;
  } catch {
    return value; // the check that follows names the wrong type
  }
}

function nameOfUrn(urn: string): string {
  return urn.slice(urn.lastIndexOf("::") + 2);
}
