/** Beginnings of debootstrap's lines at which it turns to something else. */
const PHASES: readonly (readonly [string, string])[] = [
  ["I: Retrieving InRelease", "Debian's base system: package list"],
  ["I: Resolving", "Debian's base system: downloading"],
  ["I: Extracting", "Debian's base system: unpacking"],
  ["I: Unpacking", "Debian's base system: installing"],
];

/**
 * What the tree's build is doing, from one line of its output; undefined for lines that tell nothing new. Percentages
 * come in tens, so that a log of them stays short.
 */
export function buildProgress(line: string): string | undefined {
  const step = /^step: (.+)$/.exec(line)?.[1];
  if (step !== undefined) return step;
  const phase = PHASES.find(([beginning]) => line.startsWith(beginning))?.[1];
  if (phase !== undefined) return phase;
  // apt's README.progress-reporting: "dlstatus:<number>:<percent>:<text>", "pmstatus:<package>:<percent>:<text>", where
  // a package may be "libc6:amd64".
  const [, kind, percent] = /^(dlstatus|pmstatus):.*?:([\d.]+):/.exec(line) ?? [];
  if (kind === undefined || percent === undefined) return undefined;
  return `${kind === "dlstatus" ? "downloading" : "installing"} Odoo: ${Math.floor(Number(percent) / 10) * 10} %`;
}
