import { isDeepStrictEqual } from "node:util";
import type { PlatformSettings } from "../../components/settings/platform-settings.ts";
import type { Clouds } from "./clouds.ts";

export interface Platform {
  readonly settings: PlatformSettings;
  readonly clouds: Clouds;
}

/** The platform's settings with clients for its clouds, kept until told to read again. Waits for the first, whose failure it repeats. */
export class PlatformSource {
  readonly #read: () => Promise<PlatformSettings>;
  readonly #makeClouds: (settings: PlatformSettings) => Clouds;
  #current: Promise<Platform>;

  constructor(
    first: Promise<PlatformSettings>,
    read: () => Promise<PlatformSettings>,
    makeClouds: (settings: PlatformSettings) => Clouds,
  ) {
    this.#read = read;
    this.#makeClouds = makeClouds;
    this.#current = first.then((settings) => ({ settings, clouds: makeClouds(settings) }));
    this.#current.catch(() => {}); // told to whoever asks
  }

  get = (): Promise<Platform> => this.#current;

  settings = async (): Promise<PlatformSettings> => (await this.#current).settings;

  /** After the platform's stack was changed. Keeps the present settings when the new ones cannot be read. */
  async reload(): Promise<void> {
    const [settings, present] = await Promise.all([this.#read(), this.#current]);
    if (isDeepStrictEqual(settings, present.settings)) return;
    this.#current = Promise.resolve({ settings, clouds: this.#makeClouds(settings) });
    await present.clouds.close(); // waits for queries under way
  }

  async close(): Promise<void> {
    await (await this.#current.catch(() => undefined))?.clouds.close();
  }
}
