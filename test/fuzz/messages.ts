/** Makes requests from the API's own schema: valid ones, and ones that are nearly valid. */
import { z } from "zod";
import { REQUESTS, type RequestName } from "../../core/api/schema.ts";
import { pick, type Random } from "./random.ts";

/** A value of each kind that was seen in answers, so that requests match what exists. */
export interface Known {
  domids: number[];
  names: string[];
  uuids: string[];
  files: string[];
  watches: string[];
  paths: string[];
  configs: string[];
  /** In a folder of the test's own; nothing else is named. */
  fileNames: string[];
}

interface Shape {
  type?: string;
  properties?: Record<string, Shape>;
  required?: string[];
  additionalProperties?: Shape | false;
  anyOf?: Shape[];
  enum?: unknown[];
  const?: unknown;
  minimum?: number;
  maximum?: number;
  maxLength?: number;
  pattern?: string;
  allOf?: Shape[];
}

const SHAPES = Object.fromEntries(
  Object.entries(REQUESTS).map(([name, { args: schema }]) => [
    name,
    z.toJSONSchema(schema, { io: "input", unrepresentable: "any" }) as Shape,
  ]),
) as Record<RequestName, Shape>;

const ODD = [
  ...[null, true, -1, 0, 1, 1.5, NaN, 2 ** 31, 2 ** 32, 2 ** 53, -(2 ** 53), "", "0", "x".repeat(5000), "\0", "ä\n"],
  ...[{}, { domid: 1 }, new Uint8Array(0), new Uint8Array(70_000), "__proto__", "constructor", "../../etc/passwd"],
];

/** By a property's name, what its type alone does not say. */
const BY_NAME: Record<string, (chance: Random, known: Known) => unknown> = {
  domid: (chance, { domids }) => pick(chance, domids),
  file: (chance, { files, fileNames }) => pick(chance, [...files, ...fileNames]),
  uuid: (chance, { uuids }) => pick(chance, uuids),
  of: (chance, { uuids }) => pick(chance, ["host", ...uuids]),
  watch: (chance, { watches }) => pick(chance, watches),
  path: (chance, { paths }) => pick(chance, paths),
  below: (chance, { paths }) => pick(chance, paths),
  paths: (chance, { paths }) => Array.from({ length: 1 + chance(4) }, () => pick(chance, paths)).join("\n"),
  name: (chance, { names }) => pick(chance, names),
  domain: (chance, { names, domids }) => pick(chance, [...names, ...domids]),
  config: (chance, { configs }) => pick(chance, configs),
  configName: () => "fuzz.cfg",
  bytes: (chance) => Uint8Array.from({ length: chance(300) }, () => chance(256)),
  address: (chance) => pick(chance, ["0", "0xffffffff80000000", "0xffff800000000000", "1000", "ffffffffffffffff"]),
  cpus: (chance) => pick(chance, ["all", "0", "0-1", "1,0", "63"]),
  permissions: (chance) => pick(chance, ["n0", "r0 b1", "b1 n2 r3"]),
  value: (chance) => pick(chance, ["", "1", "\xff\0", "v".repeat(4096)]),
  size: (chance) => pick(chance, [0, 1, 100, 300, 2 ** 20, 2 ** 40]),
  offset: (chance) => pick(chance, [0, 0, 0, 100]),
  kind: () => "console",
  id: () => "0",
  // A grace time that ends at once, because a run has many of them.
  graceMilliseconds: () => 0,
};

function value(chance: Random, shape: Shape, key: string, known: Known): unknown {
  const named = BY_NAME[key];
  if (named) {
    const found = named(chance, known);
    if (found !== undefined) return found;
  }
  if (shape.const !== undefined) return shape.const;
  if (shape.enum) return pick(chance, shape.enum);
  if (shape.anyOf) return value(chance, pick(chance, shape.anyOf), key, known);
  switch (shape.type) {
    case "object":
      return object(chance, shape, known);
    case "boolean":
      return chance(2) === 0;
    case "integer":
    case "number": {
      const least = Math.max(shape.minimum ?? -5, -(2 ** 40));
      const most = Math.min(shape.maximum ?? 2 ** 33, 2 ** 40);
      return pick(chance, [least, most, Math.min(most, least + chance(8)), least + chance(most - least + 1)]);
    }
    case "string":
      return "abc".repeat(chance(4)).slice(0, shape.maxLength) || "a";
    default:
      return pick(chance, ["a", 1]);
  }
}

function object(chance: Random, { properties = {}, required = [], additionalProperties }: Shape, known: Known): object {
  const made: Record<string, unknown> = {};
  for (const [key, shape] of Object.entries(properties))
    if (required.includes(key) || chance(2) === 0) made[key] = value(chance, shape, key, known);
  if (additionalProperties && chance(2) === 0)
    made[pick(chance, ["mini.elf", "k"])] = pick(chance, known.files) ?? "f0";
  return made;
}

/** Two of three are as the schema says. */
export function anyRequest(
  chance: Random,
  names: readonly RequestName[],
  known: Known,
): { request: string; args: unknown } {
  const request = pick(chance, names);
  const args = value(chance, SHAPES[request], "", known) as Record<string, unknown>;
  if (chance(3) > 0) return { request, args };
  const keys = Object.keys(args);
  switch (chance(5)) {
    case 0:
      if (keys.length) args[pick(chance, keys)] = pick(chance, ODD);
      return { request, args };
    case 1:
      if (keys.length) delete args[pick(chance, keys)];
      return { request, args };
    case 2:
      return {
        request,
        args: {
          ...args,
          [chance(40) === 0 ? "__proto__" : pick(chance, ["more", "domid", "file"])]: pick(chance, ODD),
        },
      };
    case 3:
      return { request, args: pick(chance, ODD) };
    default:
      return {
        request: pick(chance, ["", "toString", "constructor", "inspect", "__proto__", request.toUpperCase()]),
        args,
      };
  }
}
