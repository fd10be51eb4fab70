/** Where and as whom to connect, as `command:remote:Connection` and its bastion host have it. Defaults are filled in. */
export interface Endpoint {
  host: string;
  port: number;
  user: string;
  password?: string;
  privateKey?: string;
  privateKeyPassword?: string;
  agentSocketPath?: string;
  /** Public key line of the server ("ssh-ed25519 AAAA..."). Without it any server is believed, as by the official plugin. */
  hostKey?: string;
  /** Failed attempts before giving up; -1: never. */
  dialErrorLimit: number;
  /** Seconds; 0: no limit. */
  perDialTimeout: number;
}

export interface ConnectionArgs extends Endpoint {
  proxy?: Endpoint;
}
