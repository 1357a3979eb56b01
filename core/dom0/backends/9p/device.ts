/** A shared folder: what it offers, the rings that its frontend chose, and the conversation over them. */
import type { MappedGrant } from "../../kernel/grants.ts";
import type { Backend, BackendContext, BackendState, Nodes } from "../../xenbus/kind.ts";
import type { Folder } from "./folder/folder.ts";
import { FolderError } from "./errno.ts";
import { IncomingFile } from "./folder/incoming-file.ts";
import { removeLeftFiles } from "./folder/left-files.ts";
import { Lane } from "./lane.ts";
import { FlexRing, readDataRefs } from "./ring.ts";
import { Session } from "./session.ts";
import { ShareStatistics } from "./statistics.ts";

/** Linux uses two. */
const MOST_RINGS = 4;
/** 512 KiB for a ring, half of it for each direction, so that two of Linux's messages of 128 KiB fit. */
const MOST_ORDER = 7;

interface Connection {
  readonly pages: MappedGrant[][];
  readonly lanes: Lane[];
  session: Session | null;
}

export class SharedFolder implements Backend {
  readonly #context: BackendContext;
  readonly #statistics = new ShareStatistics();
  #path = "";
  #isReadOnly = true;
  #folder: Folder | null = null;
  /** Begun when the device is attached. */
  #clearing: Promise<void> | null = null;
  #connection: Connection | null = null;

  constructor(context: BackendContext) {
    this.#context = context;
  }

  /** Rejects when the folder can't be shared. */
  async prepare(): Promise<Nodes> {
    const { back, services } = this.#context;
    // The path is UTF-8, of which xenstore's text has one byte in each character.
    this.#path = Buffer.from((await back("path")) ?? "", "latin1").toString();
    this.#isReadOnly = (await back("mode")) === "r";
    this.#folder?.close();
    this.#folder = null;
    try {
      this.#folder = await services.folders.open(this.#path);
    } catch (error) {
      throw new Error(`${this.#path} is no folder that can be shared: ${(error as Error).message}`, { cause: error });
    }
    // Nobody waits for it: the folder may have many entries, and may lie on another computer. A frontend that begins again does not begin it again.
    this.#clearing ??= removeLeftFiles(this.#folder);
    return { versions: "1", "max-rings": MOST_RINGS, "max-ring-page-order": MOST_ORDER };
  }

  async connect(): Promise<Nodes> {
    const { front, frontNumber, memory, grants, address, services } = this.#context;
    const version = await front("version");
    if (version !== "1")
      throw new Error(`the frontend's version is ${JSON.stringify(version?.slice(0, 40) ?? null)}; allowed: "1"`);
    const count = await frontNumber("num-rings", MOST_RINGS);
    if (count === 0) throw new Error("the frontend has no ring");
    const wanted: { ref: number; port: number }[] = [];
    for (let i = 0; i < count; i++)
      wanted.push({ ref: await frontNumber(`ring-ref${i}`), port: await frontNumber(`event-channel-${i}`) });
    if (!this.#folder) throw new Error("the folder is gone");
    const { buffer } = memory.memory;
    const connection: Connection = { pages: [], lanes: [], session: null };
    this.#connection = connection;
    const rings = wanted.map(({ ref, port }, i) => {
      const channel = this.#context.open([ref], port, () => connection.lanes[i]?.serve());
      const page = channel.addresses[0]!;
      const pages = grants.mapAll(address.domid, readDataRefs(buffer, page, MOST_ORDER));
      connection.pages.push(pages);
      const addresses = pages.map((each) => each.address);
      return { channel, ring: new FlexRing(buffer, page, addresses) };
    });
    const share = {
      folder: this.#folder,
      isReadOnly: this.#isReadOnly,
      folders: services.folders,
      statistics: this.#statistics,
    };
    const session = new Session(share, Math.min(...rings.map(({ ring }) => ring.size)));
    connection.session = session;
    connection.lanes.push(...rings.map(({ ring, channel }) => new Lane(ring, channel, session, this.#context)));
    // Serves what the frontend has put there before its event could be heard.
    for (const lane of connection.lanes) this.#context.later(() => lane.serve());
    return {};
  }

  async disconnect(): Promise<void> {
    const connection = this.#connection;
    if (!connection) return;
    this.#connection = null;
    await Promise.all(connection.lanes.map((lane) => lane.close()));
    connection.session?.close();
    for (const pages of connection.pages) this.#context.grants.unmapAll(pages);
  }

  close(): void {
    this.#folder?.close();
    this.#folder = null;
  }

  /** A read-only folder is so for the guest. Rejects with FolderError, and with the host's errors. */
  receive(name: string, size: number, replaces: boolean): Promise<IncomingFile> {
    if (!this.#folder) return Promise.reject(new FolderError("ENODEV", "the folder is not shared any more"));
    return IncomingFile.begin(this.#folder, name, size, replaces);
  }

  state(): BackendState {
    const { lanes, pages, session } = this.#connection ?? { lanes: [], pages: [], session: null };
    return {
      traffic: null,
      rings: lanes.map(({ ring, channel }, i) => ({
        name: `ring ${i}`,
        structure: "xen_9pfs_data_intf",
        unit: "bytes",
        directions: ring.directions(),
        error: null,
        port: channel.port,
        pages: [...channel.pages, ...pages[i]!],
      })),
      behind: {
        title: this.#isReadOnly ? "Folder, read-only" : "Folder",
        figures: [
          ...this.#statistics.figures(),
          { name: "folder", label: "Folder", value: this.#path, unit: "" },
          { name: "fids", label: "Known to the guest", value: session?.fids.size ?? 0, unit: "" },
          { name: "open", label: "Open", value: session?.fids.open ?? 0, unit: "" },
          {
            name: "underWay",
            label: "Under way",
            value: lanes.reduce((sum, { inFlight }) => sum + inFlight, 0),
            unit: "",
          },
        ],
      },
    };
  }
}
