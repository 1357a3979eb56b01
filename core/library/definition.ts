/** What is kept of a domain whether it runs or not: its xl.cfg and what belongs to it. */
import { z } from "zod";
import { isDomainName } from "../toolstack/domain-name.ts";
import { readConfig } from "../toolstack/config-text.ts";

/** The last moment that a Date has. */
const LAST_TIME = 8.64e15;
const time = z.number().min(0).max(LAST_TIME);

export const UUID = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/;
export const SHA256 = /^[\da-f]{64}$/;
/** The text of a definition: another name for each change, so that the description decides in one step which one counts. */
export const CONFIG_FILE = /^config\.[\da-f]{8}\.cfg$/;
/** More than the API takes, and as much as is read of a file that somebody else may have changed. */
export const MOST_CONFIG_BYTES = 256 * 1024;

/** `domain.json`. */
export const DESCRIPTION = z.strictObject({
  version: z.literal(1),
  uuid: z.string().regex(UUID),
  /** As the text has it; known here where that is spoiled. */
  name: z.string().refine(isDomainName),
  /** The file beside it with the xl.cfg. */
  config: z.string().regex(CONFIG_FILE),
  /** What the text is called in messages: relative paths in it are taken from the folder of that. */
  configName: z.string().min(1).max(4096).nullable(),
  /** Files that were given with it: names in the text to their content's SHA-256. */
  files: z.record(z.string().min(1).max(1024), z.string().regex(SHA256)),
  /** Milliseconds since 1970. */
  createdAt: time,
  lastRunAt: time.nullable(),
  /** It starts with the host. */
  autostart: z.boolean(),
  /** It is not started, only cloned. */
  template: z.boolean(),
});
export type Description = z.infer<typeof DESCRIPTION>;

/** The memory of one that was saved. */
export interface SavedMemory {
  savedAt: number;
  memoryMiB: number;
  /** Of the file. */
  bytes: number;
}

export interface Definition extends Omit<Description, "version" | "config"> {
  /** Text of an xl.cfg. */
  readonly config: string;
  readonly saved: SavedMemory | null;
}

/** The name that an xl.cfg gives, and its UUID if it has one; null where there is none that is allowed. */
export function identityOf(config: string): { name: string | null; uuid: string | null } {
  const { values } = readConfig(config);
  const name = values.get("name") ?? "";
  const uuid = (values.get("uuid") ?? "").toLowerCase();
  return { name: isDomainName(name) ? name : null, uuid: UUID.test(uuid) ? uuid : null };
}

/** Of those files, the ones that the text names. */
export function namedFiles<T>(config: string, files: Readonly<Record<string, T>>): Record<string, T> {
  const named = new Set(readConfig(config).values.values());
  return Object.fromEntries(Object.entries(files).filter(([name]) => named.has(name)));
}
