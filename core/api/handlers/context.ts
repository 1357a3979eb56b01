/** What the handlers of requests have of the session that asks. */
import path from "node:path";
import { bootFiles } from "../../toolstack/boot-files.ts";
import type { DomainConfig, ToolstackRequests } from "../../toolstack/messages.ts";
import { parseXlConfig } from "../../toolstack/xlcfg.ts";
import { ApiFailure } from "../failure.ts";
import type { SessionFiles } from "../files.ts";
import type { HostFiles } from "../host-files.ts";
import type { HostService } from "../host-service.ts";
import type { Client } from "../journal/entry.ts";
import type { Checked, RequestName, Results } from "../requests/table.ts";
import type { EventName, Events } from "../schema.ts";

export interface SessionContext {
  readonly host: HostService;
  /** Different for each session. */
  readonly id: string;
  /** Files that the client gave, and files of the host's computer that it may name. */
  readonly files: SessionFiles;
  readonly hostFiles: HostFiles;
  /** The client's identity for the journal, which it may set itself. */
  who: Client;
  readonly ended: boolean;
  /** Whether so much waits to be sent that whatever can be left out is left out. */
  readonly isBehind: boolean;
  send<E extends EventName>(event: E, data: Events[E]): void;
  /** Calls the listener with an event of the host until the session ends. */
  listen<E extends EventName>(event: E, listener: (data: Events[E]) => void): void;
  /** `dispose` is called once, when the session ends. */
  onEnd(dispose: () => void): void;
  /** `forget` is called when the host is powered on, because the same numbers then mean other domains. */
  onPowerOn(forget: () => void): void;
}

/** Without undefined: a client's message can express it only by leaving the argument out. */
type Given<T> = { [K in keyof T]: Exclude<T[K], undefined> };

/** Requests that the toolstack answers under the same name, with the same arguments and result. */
export type PassedName = {
  [N in RequestName & keyof ToolstackRequests]: Given<Checked<N>> extends Given<ToolstackRequests[N]["args"]>
    ? ToolstackRequests[N]["result"] extends Results[N]
      ? N
      : never
    : never;
}[RequestName & keyof ToolstackRequests];

/** Makes handlers for such requests. */
export function passTo(host: HostService) {
  return <N extends PassedName>(name: N) =>
    (args: unknown): Promise<Results[N]> =>
      (host.toolstack.request as (name: string, args: unknown) => Promise<Results[N]>)(name, args);
}

/** Checks a file of the host's computer that the client names. Throws ApiFailure EACCES if the client may not name it. */
export function namedFile(session: SessionContext, file: string): string {
  if (session.hostFiles.mayNameAll) return file;
  throw new ApiFailure("EACCES", "This client may name no files of the host's computer.");
}

/** Returns the contents of files that the client gave, by their names in a config. Throws ApiFailure. */
export function givenFiles(
  { files }: SessionContext,
  ids: Readonly<Record<string, string>> = {},
): Record<string, Uint8Array> {
  return Object.fromEntries(Object.entries(ids).map(([name, id]) => [name, files.whole(id).bytes]));
}

/** What a definition names already; a client that changes it may leave that in it. */
interface Before {
  config: DomainConfig | null;
  configName: string | null;
}

/**
 * Throws ApiFailure EACCES if a config names files of the host's computer that the client may not name. `given` has the names of files that were
 * given with it; `before` belongs to the definition that it replaces.
 */
export function checkNamed(
  { hostFiles }: SessionContext,
  config: string,
  given: ReadonlySet<string>,
  before: Before = { config: null, configName: null },
): void {
  if (hostFiles.mayNameAll) return;
  const parsed = parseXlConfig(config).config;
  const folder = before.configName === null ? "." : path.dirname(path.resolve(before.configName));
  const had = (what: "files" | "folders" | "sockets", file: string, mode: unknown): boolean =>
    before.config?.devices.some(
      (device) =>
        (device.back.mode === mode || mode === "r") &&
        (device[what] ?? []).some((each) => path.resolve(folder, each) === path.resolve(folder, file)),
    ) ?? false;
  for (const { files, folders = [], sockets = [], back } of parsed?.devices ?? [])
    hostFiles.checkDevice({
      files: files.filter((each) => !had("files", each, back.mode)),
      folders: folders.filter((each) => !had("folders", each, back.mode)),
      sockets: sockets.filter((each) => !had("sockets", each, back.mode)),
    });
  const usedBefore = before.config ? bootFiles(before.config) : [];
  for (const file of parsed ? bootFiles(parsed) : [])
    if (!given.has(file) && !hostFiles.allows(file) && !usedBefore.includes(file))
      throw new ApiFailure("EACCES", `${file} was not given with the config: drop the file on the window too.`);
}
