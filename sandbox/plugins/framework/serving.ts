import { engineLog } from "./engine-log.ts";
import { Sessions } from "./sessions.ts";
import type { Call, ProviderStandIn } from "./stand-in.ts";

/** Who sent a request. */
export interface Caller {
  /** Address of the connection: the engine's run, or one provider resource in it. */
  peer: string;
  /** Aborted when the caller goes away before the answer. */
  signal: AbortSignal;
}

export type Answer<Request, Response> = (request: Request, caller: Caller) => Promise<Response> | Response;

export interface Operation {
  urn: string;
  name: string;
  /** 0: without end. */
  timeoutSeconds: number;
}

/** A provider being served: its sessions, and how an operation of one of them runs. */
export class Serving<Config> {
  readonly standIn: ProviderStandIn<Config>;
  readonly sessions = new Sessions<Config>();

  constructor(standIn: ProviderStandIn<Config>) {
    this.standIn = standIn;
  }

  /** Runs one operation with the configuration of now, a signal and a log of its own. */
  async operate<T>(caller: Caller, operation: Operation, work: (call: Call<Config>) => Promise<T>): Promise<T> {
    const session = this.sessions.configured(caller.peer);
    const ends = [session.cancellation.signal, caller.signal];
    if (operation.timeoutSeconds > 0) ends.push(AbortSignal.timeout(operation.timeoutSeconds * 1_000));
    const signal = AbortSignal.any(ends);
    signal.throwIfAborted();
    const { log, close } = engineLog(session.engineAddress, operation.urn);
    try {
      return await work({ config: session.config, signal, log, name: operation.name });
    } finally {
      await close();
    }
  }
}
