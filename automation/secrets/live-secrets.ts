import { readFileSync } from "node:fs";
import type { z } from "zod";
import { ApiEnvironment } from "../api/settings.ts";
import { StripeEnvironment } from "../stripe/settings.ts";
import { secretId } from "./secret-id.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** Lists of which several are good at once, newest first, so that one can be exchanged without a gap. */
const LISTS = {
  JWT_SECRET: ApiEnvironment.shape.JWT_SECRET,
  STRIPE_WEBHOOK_SECRET: StripeEnvironment.shape.STRIPE_WEBHOOK_SECRET,
} satisfies Record<string, z.ZodType<string[]>>;
type Key = keyof typeof LISTS;

/** What may be told of a list. */
export interface SecretState {
  readonly name: string;
  /** secretId of each, newest first. */
  readonly ids: readonly string[];
  /** Given as a file, which is read again without a restart. */
  readonly reloadable: boolean;
}

export interface LiveSecretsOptions {
  env: Environment;
  log: (line: string) => void;
  /** Milliseconds between looks at the files. Default 5 s. */
  lookEvery?: number;
}

/** The lists as they are now. Those given as `NAME_FILE` are read again when the file changes, or when told. */
export class LiveSecrets {
  readonly #current: Record<Key, readonly string[]>;
  readonly #files: ReadonlyMap<Key, string>;
  readonly #log: (line: string) => void;
  /** What was last said of a file that is no good. */
  readonly #complaints = new Map<Key, string>();
  readonly #look: NodeJS.Timeout;

  /** `first`: what the settings said at the start. */
  constructor(first: Record<Key, readonly string[]>, { env, log, lookEvery = 5_000 }: LiveSecretsOptions) {
    this.#current = { ...first };
    this.#log = log;
    this.#files = new Map(
      (Object.keys(LISTS) as Key[]).flatMap((key): [Key, string][] => {
        const file = env[`${key}_FILE`];
        return file === undefined || env[key] !== undefined ? [] : [[key, file]];
      }),
    );
    // Two small files, whatever way they are replaced in.
    this.#look = setInterval(() => this.reload(), lookEvery).unref();
  }

  get jwt(): readonly string[] {
    return this.#current.JWT_SECRET;
  }

  get stripeWebhook(): readonly string[] {
    return this.#current.STRIPE_WEBHOOK_SECRET;
  }

  /** A file that cannot be read, or holds no good list, changes nothing. */
  reload(): void {
    for (const [key, file] of this.#files) {
      try {
        const read = LISTS[key].safeParse(readFileSync(file, "utf8").trim());
        if (!read.success) throw new Error(read.error.issues.map(({ message }) => message).join("; "));
        this.#complaints.delete(key);
        if (read.data.join() === this.#current[key].join()) continue;
        this.#current[key] = read.data;
        this.#log(`${key}: ${read.data.length} in use (${read.data.map(secretId).join(", ")})`);
      } catch (error) {
        const complaint = `${key}: the present ones stay in use, ${file} is no good: ${(error as Error).message}`;
        if (this.#complaints.get(key) !== complaint) this.#log(complaint);
        this.#complaints.set(key, complaint);
      }
    }
  }

  state(): SecretState[] {
    return (Object.keys(LISTS) as Key[]).map((key) => ({
      name: key,
      ids: this.#current[key].map(secretId),
      reloadable: this.#files.has(key),
    }));
  }

  close(): void {
    clearInterval(this.#look);
  }
}
