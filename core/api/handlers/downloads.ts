/** Carries out requests about files from the web, and guests that are fetched. */
import { readFile } from "node:fs/promises";
import { oneAtATime } from "../../files/one-at-a-time.ts";
import { readChecksum } from "../../library/downloads/checksum.ts";
import type { Guest } from "../../library/downloads/guest-schema.ts";
import { plainName } from "../../library/names.ts";
import { ApiFailure } from "../failure.ts";
import type { FetchedFile } from "../fetching.ts";
import { guestConfig, type GuestPart } from "../guest-config.ts";
import { MOST_FILE_BYTES } from "../limits.ts";
import type { DOWNLOAD_REQUESTS } from "../requests/downloads.ts";
import type { HandlersOf } from "../requests/request.ts";
import type { Results } from "../requests/table.ts";
import { told } from "./binned-files.ts";
import type { SessionContext } from "./context.ts";

export function downloadHandlers(session: SessionContext): HandlersOf<typeof DOWNLOAD_REQUESTS> {
  const { host } = session;
  const { fetching } = host;
  const asker = () => ({ who: session.who, mayGoAnywhere: session.hostFiles.mayNameAll });
  let attached = false;
  session.listen("downloads", (data) => {
    if (attached && !session.isBehind) session.send("downloads", data);
  });
  // Kernels are looked into one at a time, because each is in memory meanwhile.
  const next = oneAtATime();
  return {
    downloadsAttach: async () => {
      attached = true;
      return { downloads: await fetching.all() };
    },
    downloadFetch: ({ url, kind, name, checksum, checksums }) =>
      fetching.fetch(
        {
          ...{ url, kind, bytes: null, name: name ?? null, checksums: checksums ?? null },
          checksum: checksum === undefined ? null : readChecksum(checksum),
        },
        asker(),
      ),
    downloadStop: ({ download }) => {
      fetching.stop(download);
      return null;
    },
    downloadDiscard: async ({ download }) => {
      await fetching.discard(download);
      return null;
    },
    keptKernels: () => fetching.kernels.all(),
    keptKernelInspect: ({ name }) => next(() => inspect(session, name)),
    keptKernelRemove: async ({ name }) => {
      await host.kernels.remove(name);
      return null;
    },
    kernelBin: async () => told(await host.kernels.binned()),
    kernelRestore: ({ id }) => host.kernels.restore(id),
    kernelPurge: async ({ id }) => {
      await host.kernels.purge(id ?? null);
      return null;
    },
    guestList: () => fetching.offered(),
    guestLook: async ({ guest }) => fetching.look(await fetching.guest(guest), asker()),
    guestFetch: async ({ guest: id, name }) => {
      const guest = await fetching.guest(id);
      // This comes before anything is fetched, because without a running host the fetch would be useless.
      const called = await nameFor(session, guest, name);
      return fetching.fetchGuest(guest, asker(), (files) => createOf(session, guest, called, files));
    },
  };
}

async function inspect({ host }: SessionContext, name: string): Promise<Results["keptKernelInspect"]> {
  const { path, bytes: size } = await host.fetching.kernels.find(name);
  if (size > MOST_FILE_BYTES)
    throw new ApiFailure("EFBIG", `${name} has ${size} bytes; allowed: up to ${MOST_FILE_BYTES}.`);
  return host.toolstack.request("inspect", { name, bytes: await readFile(path) });
}

/** Throws ApiFailure EEXIST if a domain has that name. */
async function nameFor({ host }: SessionContext, guest: Guest, wanted: string | undefined): Promise<string> {
  const running = await host.toolstack.request("list");
  const taken = new Set([...running, ...host.library.all].map(({ name }) => name));
  if (wanted !== undefined && taken.has(wanted))
    throw new ApiFailure("EEXIST", `A domain named ${wanted} is there already; allowed: a name no other domain has.`);
  const base = wanted ?? plainName(guest.id, "guest");
  for (let n = 1; ; n++) {
    const name = n === 1 ? base : `${base}-${n}`;
    if (!taken.has(name)) return name;
  }
}

async function createOf(
  { host, who }: SessionContext,
  guest: Guest,
  name: string,
  files: readonly FetchedFile[],
): Promise<Results["guestFetch"]> {
  const parts: GuestPart[] = [];
  for (const { role, path } of files) {
    const isDisk = role === "disk" || role === "cd";
    const format = isDisk ? (await host.toolstack.request("inspectDisk", { path })).format : "";
    parts.push({ role, path, format });
  }
  const answered = host.journal.makes(name, who);
  let isMade = false;
  try {
    const made = await host.kept.create({
      config: guestConfig(guest, name, parts),
      configName: guest.name,
      files: {},
      paused: false,
    });
    isMade = true;
    return made;
  } finally {
    answered(!isMade);
  }
}
