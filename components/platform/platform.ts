import * as pulumi from "@pulumi/pulumi";
import { connectorUnitCommand } from "../host/connector-unit.ts";
import { HostBaseline } from "../host/host-baseline.ts";
import type { HostCommand } from "../host/host-command.ts";
import { hostRoleCommand } from "../host/host-role.ts";
import { HostCommands } from "../host/host-commands.ts";
import type { HostSettings, PlatformSettings } from "../settings/platform-settings.ts";
import { connectorCommand } from "../tenant/connector.ts";
import { odooDatabaseCommand, odooPlace } from "../tenant/odoo-database.ts";
import { operatorScriptCommands } from "../tenant/operator-script.ts";
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
    const { sshPrivateKey, sshFormerKeys: formerKeys, suspendedPage } = settings;
    const parent = this;
    const commands = settings.hosts.map(
      (host) =>
        new HostCommands(
          `${name}-commands-${host.id}`,
          { host, sshPrivateKey, formerKeys, commands: hostCommandsOf(settings, host) },
          { parent },
        ),
    );
    const baselines = settings.hosts.map(
      (host) => new HostBaseline(`${name}-host-${host.id}`, { host, suspendedPage }, { parent }),
    );
    const template = settings.template
      ? new TemplateDatabase(`${name}-template`, { platform: settings, after: baselines }, { parent })
      : undefined;
    const built = pulumi.all([
      pulumi.all([...commands, ...baselines].map(({ hostId }) => hostId)),
      template?.databaseName ?? "",
    ]);
    this.settings = pulumi.secret(built.apply(() => settings));
    this.registerOutputs({});
  }
}

/** All that the platform's account may do on a host. */
function hostCommandsOf(settings: PlatformSettings, host: HostSettings): HostCommand[] {
  return [
    odooDatabaseCommand(odooPlace(settings, host)),
    connectorCommand(host),
    connectorUnitCommand(),
    hostRoleCommand(settings, host),
    ...(settings.createTenantScript ? operatorScriptCommands(host, settings.createTenantScript) : []),
  ];
}
