/** Variables that the CLI, cloud key services and providers may need of the server's own environment; its secrets stay behind. */
const PASSED_ON =
  /^(PATH|HOME|USER|LANG|LC_.*|TMPDIR|TZ|SSL_CERT_.*|NODE_EXTRA_CA_CERTS|PGPASSFILE|PGSSL.*|(https?|no|all)_proxy|PULUMI_.*|AWS_.*|AZURE_.*|GOOGLE_.*|VAULT_.*|PROXMOX_VE_.*)$/i;

export interface EngineEnvironment {
  backendUrl: string;
  /** Of PULUMI_CONFIG_PASSPHRASE; a file's name can be given by PULUMI_CONFIG_PASSPHRASE_FILE in the server's environment. */
  passphrase?: string;
  pulumiHome?: string;
}

/** Environment of every process of the engine. */
export function engineEnvironment(
  own: Readonly<Record<string, string | undefined>>,
  settings: EngineEnvironment,
): Record<string, string> {
  const passed = Object.entries(own).filter(
    (entry): entry is [string, string] => entry[1] !== undefined && PASSED_ON.test(entry[0]),
  );
  return {
    ...Object.fromEntries(passed),
    PULUMI_BACKEND_URL: settings.backendUrl,
    ...(settings.passphrase === undefined ? {} : { PULUMI_CONFIG_PASSPHRASE: settings.passphrase }),
    ...(settings.pulumiHome === undefined ? {} : { PULUMI_HOME: settings.pulumiHome }),
    PULUMI_AUTOMATION_API: "true",
    PULUMI_SKIP_UPDATE_CHECK: "true",
    // The row, the clouds and the history are copies enough; each backup is a row as large as the state.
    PULUMI_DIY_BACKEND_DISABLE_CHECKPOINT_BACKUPS: "true",
    // Every command writes an encrypted log: keep little of what the operations table has anyway.
    PULUMI_LOG_ROTATION_MAX_AGE_DAYS: own["PULUMI_LOG_ROTATION_MAX_AGE_DAYS"] ?? "1",
    PULUMI_LOG_ROTATION_MAX_TOTAL_MB: own["PULUMI_LOG_ROTATION_MAX_TOTAL_MB"] ?? "50",
  };
}
