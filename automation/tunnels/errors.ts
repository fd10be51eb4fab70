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

export class HostnameTaken extends FieldError {
  constructor(hostname: string, by: string) {
    super(`"${hostname}" is taken by ${by}`, {
      field: "hostname",
      value: hostname,
      remedy: "Choose another host name.",
    });
  }
}
