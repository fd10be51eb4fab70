import { FieldError } from "../../components/field-error.ts";
import { tunnelName } from "../../components/tenant/names.ts";

export class InvalidSubdomain extends FieldError {}

export class SubdomainTaken extends FieldError {
  constructor(subdomain: string) {
    super(`"${subdomain}" is taken`, {
      field: "subdomain",
      value: subdomain,
      remedy: "Choose another subdomain.",
    });
  }
}

export class SubscriptionTaken extends FieldError {
  constructor(subscriptionId: string, subdomain: string) {
    super(`subscription ${subscriptionId} already has the tenant "${subdomain}"`, {
      field: "subscription_id",
      value: subscriptionId,
      remedy: "Change that tenant, or delete it first.",
    });
  }
}

/** A container that is no tenant is reached for it. */
export class SubscriptionHasTunnel extends FieldError {
  constructor(subscriptionId: string, label: string) {
    const name = tunnelName(label);
    super(`subscription ${subscriptionId} already has ${name}, the tunnel of a container that is no tenant`, {
      field: "subscription_id",
      value: subscriptionId,
      remedy: `Use another subscription, or remove that tunnel first: DELETE /api/tunnels/${name}`,
    });
  }
}

export class CustomDomainTaken extends FieldError {
  constructor(domain: string, subdomain: string) {
    super(`"${domain}" belongs to the tenant "${subdomain}"`, {
      field: "custom_domains",
      value: domain,
      remedy: "Take it from that tenant first; a deleted tenant's is free once the deletion is done.",
    });
  }
}

export class UnknownPlan extends FieldError {
  constructor(plan: string, known: readonly string[]) {
    super(`there is no plan "${plan}"`, {
      field: "plan_type",
      value: plan,
      remedy: `Use one of: ${known.join(", ")}.`,
    });
  }
}

export class UnknownHost extends FieldError {
  constructor(containerId: number, known: readonly number[]) {
    super(`there is no host ${containerId}`, {
      field: "container_id",
      value: containerId,
      remedy: `Use one of: ${known.join(", ")}.`,
    });
  }
}

export class NoRoom extends FieldError {
  constructor(containerId: number | undefined, capacity: number) {
    super(
      containerId === undefined
        ? `all hosts are full (${capacity} tenants)`
        : `host ${containerId} is full (${capacity} tenants)`,
      {
        field: "container_id",
        value: containerId ?? null,
        remedy: "Add a host to the platform's configuration, or raise its capacity.",
      },
    );
  }
}

export class UnknownTenant extends FieldError {
  constructor(id: number | string) {
    super(`there is no tenant ${id}`, {
      field: "id",
      value: id,
      remedy: "List the tenants to find its id.",
    });
  }
}

/** The row has moved on since the caller read it: HTTP 412. */
export class StaleGeneration extends FieldError {
  /** @param subject `tenant 7`, or a tunnel's name. */
  constructor(subject: string, expected: number, actual: number) {
    super(`${subject} is at generation ${actual}, not ${expected}`, {
      field: "generation",
      value: expected,
      remedy: "Read it again, and repeat the change on what it is now.",
    });
  }
}

/** Nothing can be changed any more: HTTP 409. */
export class TenantIsDeleted extends FieldError {
  constructor(id: number) {
    super(`tenant ${id} is being deleted or gone`, {
      field: "id",
      value: id,
      remedy: "Request a new tenant.",
    });
  }
}
