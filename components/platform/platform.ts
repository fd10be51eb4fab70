import * as pulumi from "@pulumi/pulumi";
import type { PlatformSettings } from "../settings/platform-settings.ts";
import { HostBaseline } from "../host/host-baseline.ts";
import { TemplateDatabase } from "./template-database.ts";

export interface PlatformArgs {
  settings: PlatformSettings;
}

/** What all tenants share: the hosts' baseline and the template database. The `prod` stack of operators. */
export class Platform extends pulumi.ComponentResource {
  /** The settings once everything they promise exists; tenants' stacks and the server read them from here. Secret. */
  readonly settings: pulumi.Output<PlatformSettings>;

  constructor(name: string, args: PlatformArgs, opts: pulumi.ComponentResourceOptions = {}) {
    const { settings } = args;
    super("odoosaas:platform:Platform", name, { id: settings.id, domain: settings.domain }, opts);
    const baselines = settings.hosts.map(
      (host) =>
        new HostBaseline(
          `${name}-host-${host.id}`,
          { host, sshPrivateKey: settings.sshPrivateKey, suspendedPage: settings.suspendedPage },
          { parent: this },
        ),
    );
    const template = settings.template
      ? new TemplateDatabase(`${name}-template`, { platform: settings, after: baselines }, { parent: this })
      : undefined;
    const built = pulumi.all([pulumi.all(baselines.map((baseline) => baseline.hostId)), template?.databaseName ?? ""]);
    this.settings = pulumi.secret(built.apply(() => settings));
    this.registerOutputs({});
  }
}
