import assert from "node:assert/strict";
import { test } from "node:test";
import { debianMirrors, mirrorsOfLines, mirrorsOfStanzas } from "../../../sandbox/host/debian-mirror.ts";

test("the machine's own Debian mirror is found among other sources in one-line style", () => {
  const text = `
# deb http://commented.example/debian bookworm main
deb http://mirror.example/debian/ bookworm main contrib
deb [arch=amd64 signed-by=/usr/share/keyrings/x.gpg] https://second.example/debian trixie main
deb-src http://source.example/debian bookworm main
deb http://mirror.example/debian-security bookworm-security main
deb http://mirror.example/debian bookworm-updates main
deb https://vendor.example/apt stable stable
deb https://vendor.example/apt nodistro main
`;
  assert.deepEqual(mirrorsOfLines(text), ["http://mirror.example/debian", "https://second.example/debian"]);
});

test("the machine's own Debian mirror is found in stanza style", () => {
  const text = `Types: deb deb-src
# a comment in a stanza
URIs: http://mirror.example/debian
  http://fallback.example/debian/
Suites: bookworm bookworm-updates
Components: main

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main

Enabled: no
Types: deb
URIs: http://off.example/debian
Suites: bookworm
Components: main

Types: deb-src
URIs: http://source.example/debian
Suites: bookworm
Components: main
`;
  assert.deepEqual(mirrorsOfStanzas(text), ["http://mirror.example/debian", "http://fallback.example/debian"]);
});

test("without sources of Debian the public mirrors are left", () => {
  assert.deepEqual(debianMirrors("/nonexistent"), ["http://deb.debian.org/debian", "http://archive.debian.org/debian"]);
});
