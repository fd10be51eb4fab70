import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Where any machine finds Debian; old releases move to the second one day. */
const PUBLIC_MIRRORS = ["http://deb.debian.org/debian", "http://archive.debian.org/debian"];

/** Debian mirrors to try, in order: those that this machine's own apt is set to use, then the public ones. */
export function debianMirrors(etcApt = "/etc/apt"): string[] {
  const parts = join(etcApt, "sources.list.d");
  const files = [
    join(etcApt, "sources.list"),
    ...(existsSync(parts)
      ? readdirSync(parts)
          .toSorted()
          .map((name) => join(parts, name))
      : []),
  ];
  const own = files.flatMap((file) => {
    if (!existsSync(file)) return [];
    if (file.endsWith(".list")) return mirrorsOfLines(readFileSync(file, "utf8"));
    return file.endsWith(".sources") ? mirrorsOfStanzas(readFileSync(file, "utf8")) : [];
  });
  return [...new Set([...own, ...PUBLIC_MIRRORS])];
}

/** Mirrors in sources of the one-line style (sources.list(5)). */
export function mirrorsOfLines(text: string): string[] {
  return text.split("\n").flatMap((line) => {
    const [, uri, suite, components] = /^\s*deb\s+(?:\[[^\]]*\]\s+)?(\S+)\s+(\S+)\s+(.+)$/.exec(line) ?? [];
    return uri !== undefined && suite !== undefined && isDebian(suite, components ?? "") ? [withoutSlash(uri)] : [];
  });
}

/** Mirrors in sources of the stanza style (deb822). */
export function mirrorsOfStanzas(text: string): string[] {
  const lines = text.split("\n").filter((line) => !line.startsWith("#"));
  return lines
    .join("\n")
    .split(/\n\s*\n/)
    .flatMap((stanza) => {
      // A value goes on in lines that begin with a blank.
      const fields = new Map(
        [...stanza.matchAll(/^([A-Za-z-]+):((?:.*)(?:\n[ \t].*)*)/gm)].map(([, key, value]) => [
          key?.toLowerCase(),
          (value ?? "").trim().split(/\s+/),
        ]),
      );
      if (fields.get("enabled")?.[0]?.toLowerCase() === "no" || !fields.get("types")?.includes("deb")) return [];
      const suites = fields.get("suites") ?? [];
      if (!suites.some((suite) => isDebian(suite, fields.get("components")?.join(" ") ?? ""))) return [];
      return (fields.get("uris") ?? []).map(withoutSlash);
    });
}

/** Debian's own archive, not its security archive nor somebody else's packages. */
function isDebian(suite: string, components: string): boolean {
  const releases = [
    "buster",
    "bullseye",
    "bookworm",
    "trixie",
    "forky",
    "duke",
    "sid",
    "oldoldstable",
    "oldstable",
    "stable",
    "testing",
    "unstable",
  ];
  return releases.includes(suite) && components.split(/\s+/).includes("main");
}

function withoutSlash(uri: string): string {
  return uri.replace(/\/+$/, "");
}
