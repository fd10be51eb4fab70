/** One of a connector's connections to the edge. */
export interface LiveConnection {
  id: string;
  tunnelId: string;
  /** The connector: one process of cloudflared. */
  clientId: string;
  clientVersion: string;
  /** `linux_amd64` */
  arch: string;
  /** 0-3 within its connector. */
  index: number;
  location: string;
  /** Address it dialled from. */
  originIp: string;
  /** ISO 8601. */
  openedAt: string;
  /** Version of the configuration that the connector has in force. -1 before the first. */
  configVersion: number;
}

/** The connections of this moment; never kept. */
export interface LiveConnections {
  of(tunnelId: string): readonly LiveConnection[];
  /** Closes a tunnel's connections, or those of one connector; they are gone when this returns. */
  close(tunnelId: string, clientId?: string): void;
}
