import { FieldError } from "../../components/field-error.ts";

export class InvalidHostname extends FieldError {
  constructor(message: string, hostname: string, domain: string) {
    super(message, {
      field: "hostname",
      value: hostname,
      remedy: `Use <name>.${domain}, the name of 3 to 32 characters of a-z, 0-9 and -, not reserved; or leave it out.`,
    });
  }
}

export class UnknownTunnel extends FieldError {
  constructor(nameOrId: string) {
    super(`there is no tunnel "${nameOrId}"`, {
      field: "id",
      value: nameOrId,
      remedy: "Use a tunnel's name (acme-tunnel) or its Cloudflare id: GET /api/tunnels lists both.",
    });
  }
}

/** Nothing can be changed any more: HTTP 409. */
export class TunnelIsDeleted extends FieldError {
  constructor(name: string) {
    super(`${name} is being deleted`, {
      field: "id",
      value: name,
      remedy: "Wait until it is gone, and request it anew; a deletion that has failed goes on when it is retried.",
    });
  }
}

export class HostnameTaken extends FieldError {
  constructor(hostname: string, by: string) {
    super(`"${hostname}" is taken by ${by}`, {
      field: "hostname",
      value: hostname,
      remedy: "Choose another host name.",
    });
  }
}
