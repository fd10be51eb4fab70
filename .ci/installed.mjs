// Before what people run first. On Node 20, and without packages, the TypeScript behind it ends in a stack trace.
import { existsSync } from "node:fs";

if (!existsSync(new URL("../node_modules/.bin/node", import.meta.url))) {
  console.error("Packages are missing. Run this first: npm ci (it brings the Node 24 that everything runs with, too).");
  process.exitCode = 1;
}
