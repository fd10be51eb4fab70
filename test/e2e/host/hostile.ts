import { commandInput } from "../../../components/host/host-command.ts";

/** Lines that the platform's key is asked to run; `allowed` is one that it may. */
export function otherLines(allowed: string): string[] {
  return [
    "id",
    "bash",
    "bash -s -- up",
    "sudo -n bash -s -- up",
    "sudo -n -l",
    "sudo -n -i",
    "cat /root/victim",
    "/usr/local/lib/odoosaas/connector-unit status",
    allowed.replace(" status", ""),
    `${allowed} more`,
    `${allowed};id`,
    `${allowed} && id`,
    `${allowed}\nid`,
    `${allowed} $(id)`,
    `X=1 ${allowed}`,
    allowed.replace("sudo -n", "sudo -n -u odoo"),
    allowed.replace("connector-unit", "create-tenant"),
    allowed.replace("/odoosaas/", "/odoosaas/../odoosaas/"),
    "scp -f /root/victim",
    "rsync --server --sender . /root",
    "internal-sftp",
  ];
}

const PATH = "/usr/local/lib/odoosaas/connector-unit";

/**
 * What somebody with a shell would prepare: programs and functions by the names that a command uses, files that shells
 * read by themselves, a program by a command's own name. `$d` is where.
 */
export const PREPARED = [
  "d=$(mktemp -d)",
  `for n in systemctl curl sed bash connector-unit; do printf '#!/bin/sh\\ntouch /tmp/canary-%s\\n' $n >$d/$n; done`,
  "chmod +x $d/*",
  "echo 'touch /tmp/canary-env' >$d/env",
  "export BASH_ENV=$d/env ENV=$d/env PS4='$(touch /tmp/canary-ps4)' PATH=$d:$PATH LD_PRELOAD=$d/no.so",
  "systemctl() { /usr/bin/touch /tmp/canary-function; }; export -f systemctl",
  "",
].join("\n");

/** Words after `sudo -n` that this account must not get through with. */
export const OTHER_SUDO = [
  "bash -c id",
  "-i",
  "-s",
  "-u odoo id",
  "-u postgres psql",
  `-u odoo ${PATH} status`,
  `-g shadow ${PATH} status`,
  `-E ${PATH} status`,
  `BASH_ENV=$d/env ${PATH} status`,
  PATH,
  `${PATH} status status`,
  `${PATH} up`,
  "/usr/local/lib/odoosaas/create-tenant",
  "/usr/local/lib/odoosaas/door",
  "$d/connector-unit status",
  "-e /etc/shadow",
  "/bin/cat /root/victim",
  "--chroot=/tmp/x bash",
];

export interface Told {
  command: string;
  verb: string;
  input: string;
}

/** Inputs that no command may take, made of good ones of `up`. */
export function hostileInputs(good: Readonly<Record<string, string>>): Told[] {
  const told: Told[] = [];
  const tell = (command: string, verb: string, input: string) => void told.push({ command, verb, input });
  const unit = "SERVICE=cloudflared-acme-tunnel\n";
  const values = ["../../etc/x", "a b", "$(touch /tmp/canary)", "`touch /tmp/canary`", "x;touch /tmp/canary", "'", '"'];
  for (const value of [...values, "/root"]) {
    for (const [command, input] of Object.entries(good)) {
      const lines = input.split("\n").filter((line) => line !== "" && !line.startsWith("COMPANY_NAME="));
      for (const line of lines)
        tell(
          command,
          "up",
          input.replace(line, () => `${line.split("=")[0]}=${value}`),
        );
    }
    for (const verb of ["status", "restart", "logs", "follow"]) tell("connector-unit", verb, `SERVICE=${value}\n`);
    tell("odoo-database", "down", `SUBDOMAIN=${value}\n`);
    tell("connector", "down", `TUNNEL=${value}\n`);
  }
  for (const service of [
    "ssh",
    "odoo",
    "pgbouncer",
    "cloudflared-acme-tunnel.service",
    "cloudflared-acme-tunnel ssh",
  ]) {
    for (const verb of ["status", "restart"]) tell("connector-unit", verb, commandInput({ SERVICE: service }));
  }
  tell("connector-unit", "follow", `${unit}LOG_LINES=5\nCURSOR=--file=/etc/shadow\n`);
  tell("connector-unit", "follow", `${unit}LOG_LINES=5 -u ssh\nCURSOR=\n`);
  tell("connector-unit", "logs", `${unit}LOG_LINES=all\n`);
  const fixed = ["CLOUDFLARED=/bin/bash", "EDGE=10.9.9.9:7844", "ODOO_CONFIG=/root/victim", "POSTGRES_HOST=10.9.9.9"];
  for (const more of [...fixed, "PATH=/tmp", "BASH_ENV=/tmp/x"]) {
    for (const [command, input] of Object.entries(good)) tell(command, "up", `${input}${more}\n`);
  }
  for (const command of Object.keys(good)) {
    tell(command, "up", "");
    tell(command, "up", "#!/bin/bash\ntouch /tmp/canary\n");
  }
  return told;
}
