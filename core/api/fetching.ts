/** What the host fetches from the web, as tasks that everybody sees and can cancel. A fetch goes on when the client that asked for it disconnects. */
import path from "node:path";
import {
  Downloads,
  downloadId,
  type DownloadReport,
  type Fetched,
  type Foreseen,
  type Wanted,
} from "../library/downloads/downloads.ts";
import { webAddress } from "../library/downloads/address.ts";
import type { Guest } from "../library/downloads/guest-schema.ts";
import { filesOf, GuestList, type GuestRole } from "../library/downloads/guests.ts";
import { ANYWHERE, internet, type Reach } from "../library/downloads/reach.ts";
import { BinnedFolder } from "../library/binned-folder.ts";
import type { KeptFolder } from "../library/kept-folder.ts";
import { ApiFailure } from "./failure.ts";
import type { GuestLook, OfferedGuests } from "./host-state.ts";
import type { Client } from "./journal/entry.ts";
import type { HostJournal } from "./journal/host-journal.ts";

/** How often progress is reported, in milliseconds. */
const TELL_MS = 200;

/** Where everything lies: the folder of parts, that of kernels and RAM disks, and the list of guests. */
export interface DownloadPlaces {
  readonly parts: string;
  readonly kernels: string;
  readonly guests: string;
}

export function downloadsIn(state: string): DownloadPlaces {
  return {
    parts: path.join(state, "downloads"),
    kernels: path.join(state, "kernels"),
    guests: path.join(state, "guests.json"),
  };
}

/** Who asks. `mayGoAnywhere` is set for the user's own command line; a window may not reach this computer and its network. */
export interface Asker {
  readonly who: Client;
  readonly mayGoAnywhere: boolean;
}

export interface FetchedFile extends Fetched {
  readonly role: GuestRole;
}

export class Fetching {
  readonly kernels: BinnedFolder;
  readonly #downloads: Downloads;
  readonly #guests: GuestList;
  readonly #journal: HostJournal;
  readonly #tell: (downloads: DownloadReport[]) => void;
  /** By id, what ends each fetch that runs. */
  readonly #stops = new Map<string, () => void>();
  #telling: NodeJS.Timeout | null = null;

  constructor(
    places: DownloadPlaces | null,
    images: KeptFolder,
    journal: HostJournal,
    tell: (downloads: DownloadReport[]) => void,
  ) {
    this.kernels = new BinnedFolder(places?.kernels ?? null, "kernel");
    this.#journal = journal;
    this.#tell = tell;
    this.#guests = new GuestList(places?.guests ?? null);
    const files = { kernel: this.kernels, ramdisk: this.kernels, disk: images };
    this.#downloads = new Downloads({ parts: places?.parts ?? null, files }, () => this.#changed());
  }

  /** Called once, before anything is fetched. */
  async start(): Promise<void> {
    await this.kernels.start();
    await this.#downloads.start();
  }

  async all(): Promise<DownloadReport[]> {
    await this.#downloads.start();
    return this.#downloads.all;
  }

  /** Throws Refusal, ApiFailure ECANCELED. */
  async fetch(wanted: Wanted, asker: Asker): Promise<Fetched> {
    const name = wanted.name ?? wanted.url.split("/").at(-1)!.slice(0, 100);
    return this.#asTask(`Fetch ${name}`, asker, [wanted], async (reach, signal, progress) =>
      this.#downloads.fetch(wanted, reach, (done, total) => progress(total === null ? null : done / total), signal),
    );
  }

  /** Fetches all files of a guest, one after the other, as one task. `use` makes a domain of them. */
  async fetchGuest<T>(guest: Guest, asker: Asker, use: (files: FetchedFile[]) => Promise<T>): Promise<T> {
    const files = filesOf(guest);
    const wanted = files.map((each) => each.wanted);
    return this.#asTask(`Fetch ${guest.name}`, asker, wanted, async (reach, signal, progress) => {
      const fetched: FetchedFile[] = [];
      for (const { role, wanted: each } of files) {
        const share = (done: number, total: number | null): void =>
          progress((fetched.length + (total ? done / total : 0)) / files.length);
        fetched.push({ ...(await this.#downloads.fetch(each, reach, share, signal)), role });
      }
      return use(fetched);
    });
  }

  async #asTask<T>(
    title: string,
    asker: Asker,
    wanted: readonly Wanted[],
    deed: (reach: Reach, signal: AbortSignal, progress: (done: number | null) => void) => Promise<T>,
  ): Promise<T> {
    const reach = await this.#reachOf(asker);
    const ids = wanted.map(({ kind, url }) => downloadId(kind, webAddress(url)));
    const busy = ids.find((id) => this.#stops.has(id));
    if (busy) throw new ApiFailure("EBUSY", `${title}: that is being done already; wait for it, or stop it.`);
    const controller = new AbortController();
    const stop = (): void =>
      controller.abort(new ApiFailure("ECANCELED", "It was cancelled; what has come is kept, to go on from."));
    for (const id of ids) this.#stops.set(id, stop);
    const work = this.#journal.begin(title, asker.who, stop);
    try {
      const result = await deed(reach, controller.signal, (done) => done !== null && work.progress(done));
      work.end();
      return result;
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      work.end({ message, cancelled: controller.signal.aborted });
      throw error;
    } finally {
      for (const id of ids) this.#stops.delete(id);
    }
  }

  /** Throws ApiFailure ESRCH. */
  stop(id: string): void {
    const stop = this.#stops.get(id);
    if (!stop) throw new ApiFailure("ESRCH", "That is not being fetched now.");
    stop();
  }

  discard(id: string): Promise<void> {
    return this.#downloads.discard(id);
  }

  async offered(): Promise<OfferedGuests> {
    const { guests, problem } = await this.#guests.read();
    return {
      file: this.#guests.file,
      problem,
      guests: guests.map((guest) => ({
        id: guest.id,
        name: guest.name,
        description: guest.description ?? "",
        memoryMiB: guest.memory,
        vcpus: guest.vcpus ?? 1,
        files: filesOf(guest).map(({ role, wanted: { url, bytes } }) => ({ role, url, bytes })),
      })),
    };
  }

  guest(id: string): Promise<Guest> {
    return this.#guests.find(id);
  }

  async look(guest: Guest, asker: Asker): Promise<GuestLook> {
    const reach = await this.#reachOf(asker);
    const { signal } = new AbortController();
    const files = filesOf(guest).map(async ({ role, wanted }) => {
      const found: Foreseen = await this.#downloads.foresee(wanted, reach, signal);
      return { role, url: wanted.url, ...found };
    });
    return { files: await Promise.all(files) };
  }

  async #reachOf({ mayGoAnywhere }: Asker): Promise<Reach> {
    return mayGoAnywhere ? ANYWHERE : internet(await this.#guests.origins());
  }

  #changed(): void {
    this.#telling ??= setTimeout(() => {
      this.#telling = null;
      this.#tell(this.#downloads.all);
    }, TELL_MS);
    this.#telling.unref();
  }
}
