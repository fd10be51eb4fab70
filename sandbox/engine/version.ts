/** The engine that is downloaded or built, and the oldest one on PATH that is used as it is. */
export const ENGINE_VERSION = "3.259.0";

/** Version of the Node language host where it is built: the last that is a package of Pulumi's Go SDK module. */
export const LANGUAGE_HOST_VERSION = "3.66.0";

/**
 * True for 3.259 and later 3.x. Older engines differ in what production meets: state without projects (an error since
 * 3.257), logs (since 3.249), journalled operations.
 */
export function isSuitable(version: string): boolean {
  const [, major, minor] = /^v?(\d+)\.(\d+)\.\d+/.exec(version.trim()) ?? [];
  const [wantedMajor, wantedMinor] = ENGINE_VERSION.split(".");
  return major === wantedMajor && Number(minor) >= Number(wantedMinor);
}
