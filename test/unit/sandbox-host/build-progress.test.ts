import assert from "node:assert/strict";
import { test } from "node:test";
import { buildProgress } from "../../../sandbox/host/build-progress.ts";

test("the build's output becomes a few words about where it is", () => {
  const lines: [string, string | undefined][] = [
    ["step: cleaning up", "cleaning up"],
    ["I: Resolving dependencies of required packages...", "Debian's base system: downloading"],
    ["I: Extracting tar...", "Debian's base system: unpacking"],
    ["I: Retrieving adduser 3.118+deb11u1", undefined],
    ["dlstatus:12:37.5:Retrieving file 12 of 205", "downloading Odoo: 30 %"],
    ["pmstatus:libc6:amd64:41.2051:Configuring libc6 (amd64)", "installing Odoo: 40 %"],
    ["pmstatus:odoo-14:99.9:Installed odoo-14 (all)", "installing Odoo: 90 %"],
    ["pmstatus:python3.9:7:Preparing python3.9 (amd64)", "installing Odoo: 0 %"],
    ["Setting up odoo-14 (14.0.0) ...", undefined],
  ];
  for (const [line, said] of lines) assert.equal(buildProgress(line), said, line);
});
