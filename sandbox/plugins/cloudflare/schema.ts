import { readSchema } from "../framework/package-schema.ts";

export const schema = readSchema(new URL("./schema.json", import.meta.url));
