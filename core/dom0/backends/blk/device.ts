/** A block device: what it offers, what its frontend chose of that, and the resulting queues. */
import { VDISK_CDROM, VDISK_READONLY } from "../../../abi/io_blkif.ts";
import { SECTOR_BYTES, StoreError, type BlockStore } from "../../storage/block-store.ts";
import type {
  Backend,
  BackendContext,
  BackendState,
  DeviceTraffic,
  HeldImage,
  Nodes,
  RingState,
} from "../../xenbus/kind.ts";
import { deviceKey } from "../../xenbus/address.ts";
import { ringSize } from "../../xenbus/back-ring.ts";
import { RequestRecord } from "../../xenbus/request-record.ts";
import { DataGrants } from "./data-grants.ts";
import { LAYOUTS, MAX_INDIRECT_SEGMENTS } from "./protocol.ts";
import { BlockQueue } from "./queue.ts";
import { Room } from "./room.ts";
import { BlockStatistics } from "./statistics.ts";

/** Rings of up to 16 pages: 512 requests. */
const MAX_RING_PAGE_ORDER = 4;
const MAX_QUEUES = 4;
/** Milliseconds that requests may take to end before an exchange of the image is refused. */
const HOLD_PATIENCE = 30_000;

export class BlockDevice implements Backend {
  readonly #context: BackendContext;
  readonly #statistics = new BlockStatistics();
  readonly #room: Room;
  #store: BlockStore | null = null;
  /** The value of `params` when the store was opened. */
  #params: string | null = null;
  #isWritable = false;
  #isCdrom = false;
  /** Whether the image is about to be exchanged; requests stay in their rings meanwhile. */
  #isHeld = false;
  #queues: BlockQueue[] = [];
  /** Of frontends that are being disconnected: what ends when their requests have ended. */
  readonly #ending = new Set<Promise<unknown>>();
  #grants: DataGrants | null = null;
  #protocol = "";
  /** Names of the records of its queues. */
  readonly #records: string[] = [];

  constructor(context: BackendContext) {
    this.#context = context;
    const { services, address } = context;
    this.#room = new Room(services.holds, address.domid, `vbd/${address.id}`);
  }

  async prepare(): Promise<Nodes> {
    const { back } = this.#context;
    this.#isCdrom = (await back("device-type")) === "cdrom";
    this.#isWritable = (await back("mode")) === "w" && !this.#isCdrom;
    await this.#open();
    const canDiscard =
      this.#store !== null && this.#store.discardGranularity !== null && (await back("discard-enable")) !== "0";
    return {
      "feature-flush-cache": this.#isWritable ? 1 : 0,
      "feature-barrier": this.#isWritable ? 1 : 0,
      "feature-persistent": 1,
      "feature-max-indirect-segments": MAX_INDIRECT_SEGMENTS,
      "feature-discard": canDiscard && this.#isWritable ? 1 : 0,
      "max-ring-page-order": MAX_RING_PAGE_ORDER,
      "multi-queue-max-queues": MAX_QUEUES,
      ...(canDiscard && {
        "discard-granularity": this.#store!.discardGranularity!,
        "discard-alignment": 0,
        "discard-secure": 0,
      }),
    };
  }

  async connect(): Promise<Nodes> {
    const { front, frontNumber } = this.#context;
    const protocol = (await front("protocol")) ?? "x86_64-abi";
    const layout = LAYOUTS[protocol];
    if (!layout)
      throw new Error(
        `the frontend's protocol is ${JSON.stringify(protocol.slice(0, 40))}; allowed: ${Object.keys(LAYOUTS).join(", ")}`,
      );
    const isPersistent = (await frontNumber("feature-persistent", 1, 0)) === 1;
    const count = await frontNumber("multi-queue-num-queues", MAX_QUEUES, 1);
    if (count === 0) throw new Error("the frontend has no queue");
    const order = await frontNumber("ring-page-order", MAX_RING_PAGE_ORDER, 0);
    const wanted: { refs: number[]; port: number; record: RequestRecord | null }[] = [];
    for (let i = 0; i < count; i++) {
      const directory = count === 1 ? "" : `queue-${i}/`;
      const refs = await this.#ringRefs(directory, order);
      const port = await frontNumber(`${directory}event-channel`);
      const record = await this.#record(i, `${protocol} ${refs.join()} ${port}`, refs.length, layout.slotBytes);
      wanted.push({ refs, port, record });
    }
    const { address, grants, memory, now, fail, later } = this.#context;
    const data = new DataGrants(grants, address.domid, isPersistent);
    this.#grants = data;
    this.#protocol = protocol;
    for (const { refs, port, record } of wanted) {
      const channel = this.#context.open(refs, port, () => queue.serve());
      const queue: BlockQueue = new BlockQueue({
        buffer: memory.memory.buffer,
        channel,
        layout,
        record,
        grants: data,
        statistics: this.#statistics,
        store: () => this.#store,
        isWritable: this.#isWritable,
        isHeld: () => this.#isHeld,
        drained: () => this.#drained(),
        room: this.#room,
        fail,
        later,
        now,
      });
      this.#queues.push(queue);
    }
    // Serves what the frontend has put there before its event could be heard.
    for (const queue of this.#queues) later(() => queue.serve());
    return this.#described();
  }

  async #record(queue: number, ring: string, pages: number, slotBytes: number): Promise<RequestRecord | null> {
    const { services, address } = this.#context;
    const size = ringSize(pages, slotBytes);
    const key = `${deviceKey(address)}/${queue}`;
    const memory = await services.records.open(key, ring, RequestRecord.bytes(size, slotBytes));
    this.#records.push(key);
    return memory && new RequestRecord(memory, size, slotBytes);
  }

  /** A frontend that negotiated an order of 0 may still have numbered its only page. */
  async #ringRefs(directory: string, order: number): Promise<number[]> {
    const isNumbered = order === 0 && (await this.#context.front(`${directory}ring-ref`)) === null;
    return isNumbered
      ? [await this.#context.frontNumber(`${directory}ring-ref0`)]
      : this.#context.ringRefs(directory, order);
  }

  async disconnect(): Promise<void> {
    const queues = this.#queues;
    const grants = this.#grants;
    this.#queues = [];
    this.#grants = null;
    this.#room.cancel();
    const ended = Promise.all(queues.map((queue) => queue.close()));
    this.#ending.add(ended);
    await ended;
    this.#ending.delete(ended);
    grants?.close();
    for (const key of this.#records.splice(0)) this.#context.services.records.drop(key);
  }

  async close(): Promise<void> {
    const store = this.#store;
    this.#store = null;
    await store?.close();
  }

  /**
   * Called when the toolstack has put another medium into a drive, or has taken it out. A disk's image stays the same until the disk is attached
   * again.
   */
  async changed(name: string): Promise<void> {
    if (name !== "params" || this.#params === null) return;
    const before = this.#params;
    if (!this.#isCdrom) return;
    await this.#open();
    if (this.#params !== before) await this.#announce();
  }

  async checkMedium(params: string): Promise<void> {
    const medium = await this.#context.services.disks.openNamed(params, "read", null);
    await medium?.close();
  }

  /** A disk may only grow, so that nothing that a guest uses is cut off. */
  async resize(bytes: number): Promise<void> {
    const store = this.#store;
    if (!store || this.#isCdrom || !this.#isWritable)
      throw new StoreError("EROFS", "it is no disk that its guest may write");
    if (!Number.isSafeInteger(bytes) || bytes % SECTOR_BYTES || bytes < store.size)
      throw new StoreError(
        "EINVAL",
        `its size must be a multiple of ${SECTOR_BYTES} and at least the ${store.size} bytes that it has`,
      );
    await store.resize(bytes);
    await this.#announce();
  }

  /** The present image as "format:path"; null for an empty drive. */
  get image(): string | null {
    return this.#params;
  }

  /** Gives the image to the caller until it is released. All requests that were taken have ended then, and are durable on the host's disk. */
  async hold(): Promise<HeldImage> {
    const store = this.#store;
    const params = this.#params;
    if (!store || params === null || !this.#isWritable)
      throw new StoreError("EROFS", "it is no disk that its guest may write");
    if (this.#isHeld) throw new StoreError("EBUSY", "its image is being exchanged already");
    this.#isHeld = true;
    const release = (): void => {
      this.#isHeld = false;
      for (const queue of this.#queues) queue.serve();
    };
    try {
      await this.#drainedSoon();
      await store.flush();
    } catch (error) {
      release();
      throw error;
    }
    return {
      store,
      params,
      exchange: (other, next) => {
        if (this.#store !== store) throw new StoreError("ENODEV", "the device has gone");
        this.#store = other;
        this.#params = next;
      },
      release,
    };
  }

  async #drainedSoon(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      const refuse = (): void =>
        reject(new StoreError("EBUSY", `its requests have not ended within ${HOLD_PATIENCE / 1000} s`));
      timer = setTimeout(refuse, HOLD_PATIENCE);
    });
    try {
      await Promise.race([this.#drained(), late]);
    } finally {
      clearTimeout(timer);
    }
  }

  traffic(): DeviceTraffic {
    const inFlight = this.#queues.reduce((sum, queue) => sum + queue.inFlight, 0);
    const pages = this.#queues.reduce((sum, { channel }) => sum + channel.pages.length, 0);
    return this.#statistics.traffic(inFlight, pages + (this.#grants?.mapped ?? 0));
  }

  state(): BackendState {
    return {
      traffic: this.traffic(),
      rings: this.#queues.map((queue, i) => this.#ringState(queue, i)),
      behind: {
        title: this.#store ? `${this.#isCdrom ? "CD-ROM" : "Disk"}, ${this.#store.format}` : "Empty drive",
        figures: [
          ...this.#statistics.figures(),
          { name: "image", label: "Image", value: this.#params ?? "", unit: "" },
          { name: "size", label: "Size", value: this.#store?.size ?? 0, unit: "bytes" },
          { name: "protocol", label: "Protocol", value: this.#protocol, unit: "" },
          { name: "persistent", label: "Grants kept mapped", value: this.#grants?.persistent ?? 0, unit: "" },
        ],
      },
    };
  }

  #ringState({ ring, channel }: BlockQueue, index: number): RingState {
    const { requestProducer, requestConsumer, responseProducer, size } = ring.indices();
    return {
      name: `queue ${index}`,
      structure: "blkif_sring",
      unit: "requests",
      directions: [
        { name: "req", towards: "backend", producer: requestProducer, consumer: requestConsumer, size },
        // The backend does not know the frontend's own consumer; what is shown here is under way in the backend.
        { name: "rsp", towards: "frontend", producer: requestConsumer, consumer: responseProducer, size },
      ],
      error: null,
      port: channel.port,
      pages: channel.pages,
    };
  }

  async #open(): Promise<void> {
    const { back, services } = this.#context;
    // The text is UTF-8, of which xenstore's text has one byte in each character.
    const params = Buffer.from((await back("params")) ?? "", "latin1").toString();
    if (params === this.#params) return;
    await this.#drained();
    await this.close();
    this.#params = params;
    const writing = (await back("disposable")) === "1" ? "disposable" : "read-write";
    const scratch = await back("scratch");
    this.#store = await services.disks.openNamed(params, this.#isWritable ? writing : "read", scratch);
  }

  #described(): Nodes {
    const info = (this.#isCdrom ? VDISK_CDROM : 0) | (this.#isWritable ? 0 : VDISK_READONLY);
    return {
      sectors: (this.#store?.size ?? 0) / SECTOR_BYTES,
      info,
      "sector-size": SECTOR_BYTES,
      "physical-sector-size": SECTOR_BYTES,
    };
  }

  /** Writing the state again makes a connected frontend read the size again. */
  async #announce(): Promise<void> {
    if (this.#queues.length) await this.#context.publish({ ...this.#described(), state: 4 });
  }

  #drained(): Promise<unknown> {
    return Promise.all([...this.#ending, ...this.#queues.map((queue) => queue.idle())]);
  }
}
