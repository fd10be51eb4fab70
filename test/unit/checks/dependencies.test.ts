import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const read = (path: string): string => readFileSync(new URL(`../../../${path}`, import.meta.url), "utf8");
type Versions = Record<string, string>;

test("docs/dependencies.md explains every dependency, at the version of package.json, and none besides", () => {
  const { dependencies, devDependencies } = JSON.parse(read("package.json")) as Record<string, Versions>;
  const rows = read("docs/dependencies.md")
    .split("\n")
    .filter((line) => line.startsWith("| `"))
    .map((line) => line.split("|").map((cell) => cell.trim()));
  const explained: Versions = {};
  for (const [, names = "", versions = ""] of rows) {
    const numbers = versions.split("; ").map((one) => one.split(",")[0] ?? "");
    for (const [at, name] of names.split(", ").entries()) explained[name.replaceAll("`", "")] = numbers[at] ?? "";
  }
  assert.deepEqual(explained, { ...dependencies, ...devDependencies });
});

test("every dependency is pinned to one version", () => {
  const { dependencies, devDependencies } = JSON.parse(read("package.json")) as Record<string, Versions>;
  for (const [name, version] of Object.entries({ ...dependencies, ...devDependencies })) {
    assert.match(version, /^\d+\.\d+\.\d+(-[\w.]+)?$/, name);
  }
});

test("the lock file names no registry, and has every optional package that npm ci asks for", () => {
  const text = read("package-lock.json");
  assert.doesNotMatch(text, /"resolved": "http/);
  const { packages } = JSON.parse(text) as { packages: Record<string, { optionalDependencies?: Versions }> };
  for (const [path, { optionalDependencies = {} }] of Object.entries(packages)) {
    for (const name of Object.keys(optionalDependencies)) {
      const places = [path === "" ? "" : `${path}/`, ""].map((folder) => `${folder}node_modules/${name}`);
      assert.ok(
        places.some((place) => place in packages),
        `${name}, wanted by ${path}: see docs/decisions/0010-checks.md`,
      );
    }
  }
});
