/** What a kept definition says, in the form that users and the library of images need. */
import path from "node:path";
import type { Definition } from "../library/definition.ts";
import type { Owner } from "../library/images/uses.ts";
import type { DomainConfig } from "../toolstack/messages.ts";
import { parseXlConfig } from "../toolstack/xlcfg.ts";
import type { KeptDomain } from "./host-state.ts";

/** The configurations of definitions that were parsed before. A definition that changes becomes another object. */
const understood = new WeakMap<Definition, DomainConfig | null>();

/** Returns the definition's configuration; null if its text is not understood. */
export function configOf(definition: Definition): DomainConfig | null {
  let config = understood.get(definition);
  if (config === undefined) understood.set(definition, (config = parseXlConfig(definition.config).config));
  return config;
}

/** Returns the domain as a user of images. */
export function ownerOf(definition: Definition): Owner {
  const { name, uuid, configName } = definition;
  const folder = configName === null ? process.cwd() : path.dirname(path.resolve(configName));
  return { name, uuid, state: "halted", config: configOf(definition), folder };
}

/** Returns what clients are told of the domain, which runs as `domid`, or does not run (null). */
export function described(definition: Definition, domid: number | null): KeptDomain {
  const { uuid, name, saved, createdAt, lastRunAt, autostart, template } = definition;
  const config = configOf(definition);
  return {
    uuid,
    name,
    state: domid !== null ? "running" : saved ? "saved" : "halted",
    domid,
    saved,
    memoryMiB: config?.memoryMiB ?? null,
    vcpus: config?.maxvcpus ?? null,
    createdAt,
    lastRunAt,
    autostart,
    template,
    files: filesOf(config),
  };
}

/** Files of the host's computer that its devices have; none if its text is not understood. */
export function filesOf(config: DomainConfig | null): string[] {
  return [...new Set(config?.devices.flatMap(({ files }) => files) ?? [])];
}
