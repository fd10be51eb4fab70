export interface TunnelAnswer {
  readonly id: string;
  readonly name: string;
  readonly status: string;
  readonly wanted: string;
  readonly state: string;
  readonly state_reason: string | null;
  readonly state_detail: string | null;
  readonly next_step: string | null;
  readonly guide: string | null;
  readonly deployment: {
    readonly tenant_id: number | null;
    readonly subdomain: string | null;
    readonly url: string;
    readonly container_id: number;
    readonly local_port: number | null;
    readonly subscription_id: string | null;
  };
}
