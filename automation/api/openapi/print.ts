import { openApiDocument } from "./document.ts";
import { VERSION } from "./version.ts";

// `npm run -s openapi > openapi.json`
process.stdout.write(`${JSON.stringify(openApiDocument(VERSION), null, 2)}\n`);
