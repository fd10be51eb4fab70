import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { test } from "node:test";
import {
  parseSchema,
  readSchema,
  type PropertySpecs,
  type Type,
} from "../../../sandbox/plugins/framework/package-schema.ts";
import { PROVIDERS } from "../../../sandbox/plugins/providers.ts";

const packages = Object.entries(PROVIDERS).map(([name, version]) => {
  const sdk = dirname(createRequire(import.meta.url).resolve(`@pulumi/${name}/package.json`));
  return {
    name,
    version,
    sdk,
    schema: readSchema(new URL(`../../../sandbox/plugins/${name}/schema.json`, import.meta.url)),
  };
});

/** Properties of an interface or class of the SDK's types: name, whether it may be left out, TypeScript type. */
function declared(text: string, header: RegExp, depth: string): Map<string, { optional: boolean; type: string }> {
  const start = header.exec(text);
  assert.ok(start, `the SDK has no ${String(header)}`);
  const body = text.slice(start.index + start[0].length);
  const end = body.search(new RegExp(`^${depth.slice(4)}\\}`, "m"));
  const found = new Map<string, { optional: boolean; type: string }>();
  for (const [, name = "", mark, type = ""] of body
    .slice(0, end)
    .matchAll(
      new RegExp(
        `^${depth}(?:readonly )?(\\w+)([?!]?): ((?:[^\\n]|\\n${depth}[ }])*?);(?=\\n(?:${depth}[\\w/]|(?![^])))`,
        "gm",
      ),
    ))
    found.set(name, { optional: mark === "?" || type.includes("| undefined"), type });
  return found;
}

const word =
  /pulumi\.(?:Input|Output)<|inputs\.|outputs\.|remote\.|local\.|enums\.| \| undefined|Args\b|pulumi\.asset\.|[<>{};\s]/g;

/** The same word for a type of the SDK and one of the table. */
function sdkType(type: string): string {
  const bare = type.replaceAll(word, "").replaceAll("Asset|Archive", "asset").replaceAll("Asset", "asset");
  if (bare.startsWith("[key:string]:")) return `${bare.replace(/^\[key:string\]:/, "")}{}`;
  return bare.replace(/^Archive$/, "archive");
}

function tableType(type: Type): string {
  switch (type.kind) {
    case "integer":
      return "number";
    case "array":
      return `${tableType(type.of)}[]`;
    case "map":
      return `${tableType(type.of)}{}`;
    case "object":
      return type.name;
    case "enum":
      return "Logging";
    default:
      return type.kind;
  }
}

function assertSame(where: string, specs: PropertySpecs, sdk: Map<string, { optional: boolean; type: string }>): void {
  assert.deepEqual(Object.keys(specs).toSorted(), [...sdk.keys()].toSorted(), `${where}: names`);
  for (const [name, spec] of Object.entries(specs)) {
    const { optional, type } = sdk.get(name) ?? { optional: false, type: "" };
    assert.equal(tableType(spec.type), sdkType(type), `${where}.${name}: type`);
    assert.equal(spec.required, !optional, `${where}.${name}: whether it is required`);
  }
}

for (const { name, version, sdk, schema } of packages) {
  test(`the ${name} stand-in takes the place of the plugin that the installed SDK asks for`, () => {
    const { version: installed } = JSON.parse(readFileSync(join(sdk, "package.json"), "utf8")) as { version: string };
    assert.equal(version, installed);
    assert.equal(schema.version, installed);
    assert.equal(schema.name, name);
  });

  for (const [token, resource] of Object.entries(schema.resources)) {
    const type = token.split(":")[2] ?? "";
    const file = token.startsWith("command:")
      ? `${token.split(":")[1]}/${type[0]?.toLowerCase()}${type.slice(1)}`
      : (token.split(":")[1]?.split("/")[1] ?? "");
    const types = readFileSync(join(sdk, `${file}.d.ts`), "utf8");
    const code = readFileSync(join(sdk, `${file}.js`), "utf8");

    test(`every input and output of ${token} is in the table, with its type`, () => {
      assertSame(
        `${token} inputs`,
        resource.inputs,
        declared(types, new RegExp(`export interface ${type}Args \\{`), "    "),
      );
      assertSame(
        `${token} outputs`,
        resource.outputs,
        declared(types, new RegExp(`export declare class ${type} extends`), "    "),
      );
    });

    test(`what the SDK keeps secret of ${token} is secret here`, () => {
      const listed = /additionalSecretOutputs: \[(.*?)\]/.exec(code)?.[1] ?? "";
      const secret = Object.entries(resource.outputs).filter(([, spec]) => spec.secret);
      assert.deepEqual(
        secret.map(([each]) => `"${each}"`).toSorted(),
        listed
          .split(", ")
          .filter((each) => each !== "")
          .toSorted(),
      );
      assert.match(code, new RegExp(`__pulumiType = ['"]${token}['"]`), "the token is the SDK's");
    });
  }

  test(`every nested type that the ${name} table uses has all its fields`, () => {
    const files = (kind: string): string[] =>
      globSync(join(sdk, `types/${kind}.d.ts`)).map((file) => readFileSync(file, "utf8"));
    const collect = (specs: PropertySpecs, into: Map<string, PropertySpecs>): Map<string, PropertySpecs> => {
      const visit = (type: Type): void => {
        if (type.kind === "array" || type.kind === "map") visit(type.of);
        if (type.kind !== "object" || into.has(type.name)) return;
        into.set(type.name, type.properties);
        collect(type.properties, into);
      };
      for (const spec of Object.values(specs)) visit(spec.type);
      return into;
    };
    const all = [...Object.values(schema.resources), ...Object.values(schema.functions)];
    const given = new Map<string, PropertySpecs>();
    const returned = new Map<string, PropertySpecs>();
    for (const { inputs, outputs } of all) {
      collect(inputs, given);
      collect(outputs, returned);
    }
    const inInputs = [...given].map((entry) => [...entry, files("input")] as const);
    const onlyInOutputs = [...returned]
      .filter(([each]) => !given.has(each))
      .map((entry) => [...entry, files("output")] as const);
    for (const [typeName, specs, texts] of [...inInputs, ...onlyInOutputs]) {
      const [text, header] = texts
        .flatMap((each) =>
          [typeName, `${typeName}Args`].map(
            (named) => [each, new RegExp(`^( *)(?:export )?interface ${named} \\{`, "m")] as const,
          ),
        )
        .find(([each, pattern]) => pattern.test(each)) ?? ["", /no such type/];
      const depth = `${header.exec(text)?.[1] ?? ""}    `;
      assertSame(typeName, specs, declared(text, header, depth));
    }
  });

  test(`every function in the ${name} table has the SDK's arguments and results`, () => {
    for (const [token, of] of Object.entries(schema.functions)) {
      const functionName = token.split(":")[2] ?? "";
      const types = readFileSync(join(sdk, `${functionName}.d.ts`), "utf8");
      const pascal = functionName[0]?.toUpperCase() + functionName.slice(1);
      assertSame(
        `${token} arguments`,
        of.inputs,
        declared(types, new RegExp(`export interface ${pascal}Args \\{`), "    "),
      );
      assertSame(
        `${token} result`,
        of.outputs,
        declared(types, new RegExp(`export interface ${pascal}Result \\{`), "    "),
      );
    }
  });
}

test("a table with an unknown type or flag is refused", () => {
  const file = {
    name: "x",
    version: "1.0.0",
    madeWith: "terraform-sdk" as const,
    config: {},
    resources: {},
    functions: {},
    types: {},
  };
  assert.throws(() => parseSchema({ ...file, config: { a: "strnig" } }), /no type "strnig"/);
  assert.throws(() => parseSchema({ ...file, config: { a: "string requierd" } }), /no flag "requierd"/);
});
