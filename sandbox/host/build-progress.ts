/**
 * What the tree's build is doing, from one line of its output; undefined for lines that tell nothing new. Percentages
 * come in tens, so that a log of them stays short.
 */
export function buildProgress(line: string): string | undefined {
  const step = /^step: (.+)$/.exec(line)?.[1];
  if (step !== undefined) return step;
  if (/^I: Retrieving InRelease/.test(line)) return "Debian's base system: package list";
  if (/^I: Resolving/.test(line)) return "Debian's base system: downloading";
  if (/^I: Extracting/.test(line)) return "Debian's base system: unpacking";
  if (/^I: (Unpacking|Configuring)/.test(line)) return "Debian's base system: installing";
  // apt's README.progress-reporting: "dlstatus:<file>:<percent>:<text>", "pmstatus:<package>:<percent>:<text>"
  const [, kind, percent] = /^(dlstatus|pmstatus):[^:]*(?::[a-z0-9]+)?:([\d.]+):/.exec(line) ?? [];
  if (kind === undefined || percent === undefined) return undefined;
  return `${kind === "dlstatus" ? "downloading" : "installing"} Odoo: ${Math.floor(Number(percent) / 10) * 10} %`;
}
