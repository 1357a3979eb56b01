/** What is kept of a domain, whether it runs or not: its xl.cfg and what belongs to it. */
import { z } from "zod";
import { isDomainName } from "../toolstack/domain-name.ts";
import { readConfig } from "../toolstack/config-text.ts";

/** The latest moment that a Date can hold, in milliseconds. */
const LAST_TIME = 8.64e15;
const time = z.number().min(0).max(LAST_TIME);

export const UUID = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/;
export const SHA256 = /^[\da-f]{64}$/;
/**
 * The name of the file with a definition's text. Each change gets another name, so that replacing the description decides in one step which text
 * counts.
 */
export const CONFIG_FILE = /^config\.[\da-f]{8}\.cfg$/;
/** More than the API accepts. No more is read of a file, which somebody else may have changed. */
export const MOST_CONFIG_BYTES = 256 * 1024;

/** The content of `domain.json`. */
export const DESCRIPTION = z.strictObject({
  version: z.literal(1),
  uuid: z.string().regex(UUID),
  /** The same name as in the text. It stands here too so that it is known when the text is damaged. */
  name: z.string().refine(isDomainName),
  /** Name of the file beside this one that holds the xl.cfg. */
  config: z.string().regex(CONFIG_FILE),
  /** Its last part is what messages call the text; relative paths in the text are taken from the folder before that. There need not be such a file. */
  configName: z.string().min(1).max(4096).nullable(),
  /** The files that were given with it: from the names in the text to the SHA-256 of the content. */
  files: z.record(z.string().min(1).max(1024), z.string().regex(SHA256)),
  /** Milliseconds since 1970. */
  createdAt: time,
  lastRunAt: time.nullable(),
  /** Whether it starts with the host. */
  autostart: z.boolean(),
  /** Whether it is only cloned and never started. */
  template: z.boolean(),
});
export type Description = z.infer<typeof DESCRIPTION>;

/** The memory of a saved domain. */
export interface SavedMemory {
  savedAt: number;
  memoryMiB: number;
  /** Size of the file, in bytes. */
  bytes: number;
}

export interface Definition extends Omit<Description, "version" | "config"> {
  /** The text of the xl.cfg. */
  readonly config: string;
  readonly saved: SavedMemory | null;
}

/** Returns the name that an xl.cfg gives, and its UUID if it has one. The name is null where there is none, or none that is allowed. */
export function identityOf(config: string): { name: string | null; uuid: string | null } {
  const { values } = readConfig(config);
  const name = values.get("name") ?? "";
  const uuid = (values.get("uuid") ?? "").toLowerCase();
  return { name: isDomainName(name) ? name : null, uuid: UUID.test(uuid) ? uuid : null };
}

/** Returns those of the files that the text names. */
export function namedFiles<T>(config: string, files: Readonly<Record<string, T>>): Record<string, T> {
  const named = new Set(readConfig(config).values.values());
  return Object.fromEntries(Object.entries(files).filter(([name]) => named.has(name)));
}

/** What a deleted or damaged definition says. */
export interface DefinitionText {
  uuid: string;
  name: string;
  config: string;
  configName: string | null;
}

/** One that lies in the bin, or was put aside as it can't be read. */
export interface AwayText extends DefinitionText {
  place: "bin" | "spoiled";
}
