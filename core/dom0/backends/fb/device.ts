/** A virtual framebuffer: shows what the guest draws on one of the host's screens. */
import {
  XENFB_NO_REFRESH,
  XENFB_TYPE_REFRESH_PERIOD,
  XENFB_TYPE_RESIZE,
  XENFB_TYPE_UPDATE,
} from "../../../abi/io_fbif.ts";
import type { OpenScreen } from "../../display/screens.ts";
import type { Channel } from "../../xenbus/channel.ts";
import { EventPage } from "../../xenbus/event-page.ts";
import type { Backend, BackendContext, BackendState, Nodes } from "../../xenbus/kind.ts";
import type { HeldFrame } from "../../kernel/native.ts";
import { PAGE_SIZE } from "../../kernel/memory.ts";
import { mostBytesOf, vncOf } from "./config.ts";
import { FramebufferFrames } from "./frames.ts";
import { GuestPixels } from "./pixels.ts";
import * as fbif from "./protocol.ts";

/** Events that are taken in one go before other work has its turn. */
const TURNS_PER_SERVICE = 256;
/** Milliseconds between refreshes, for frontends that ask. */
const REFRESH_MS = 33;

interface Connection {
  readonly channel: Channel;
  readonly page: HeldFrame;
  readonly events: EventPage;
  readonly frames: FramebufferFrames;
  readonly pixels: readonly HeldFrame[];
  readonly bytes: number;
  /** Whether the frontend reports what it draws. */
  readonly tells: boolean;
  mode: fbif.Mode;
}

export class Framebuffer implements Backend {
  readonly #context: BackendContext;
  #screen: OpenScreen | null = null;
  #connection: Connection | null = null;
  #isWatched = false;
  /** The next turn of the event loop goes on where this one left off. */
  #willServe = false;
  #updates = 0;
  #resizes = 0;

  constructor(context: BackendContext) {
    this.#context = context;
  }

  async prepare(): Promise<Nodes> {
    const { address, store, services, back } = this.#context;
    const { domid, id } = address;
    const home = `/local/domain/${domid}`;
    const name = (await store.read(`${home}/name`)) ?? `Domain ${domid}`;
    this.#screen = await services.screens.open(domid, id, await vncOf(back, name));
    const { vnc } = this.#screen;
    // Where xl vncviewer looks for the address.
    if (vnc && id === "0") {
      await store.write(`${home}/console/vnc-listen`, vnc.address);
      await store.write(`${home}/console/vnc-port`, vnc.port);
    }
    return { "feature-resize": 1 };
  }

  async connect(): Promise<Nodes> {
    const { front, frontNumber, back } = this.#context;
    const protocol = (await front("protocol")) ?? "x86_64-abi";
    const longBytes = fbif.LONG_BYTES[protocol];
    if (longBytes === undefined)
      throw new Error(
        `the frontend's protocol is ${JSON.stringify(protocol.slice(0, 40))}; allowed: ${Object.keys(fbif.LONG_BYTES).join(", ")}`,
      );
    const mfn = await frontNumber("page-ref");
    const port = await frontNumber("event-channel");
    const tells = (await frontNumber("feature-update", 1, 0)) === 1;
    const mostBytes = await mostBytesOf(back);
    this.#connection = this.#open(mfn, port, longBytes, tells, mostBytes);
    this.#show();
    // Serves what the frontend has put there before its event could be heard.
    this.#context.later(() => this.#serve());
    return tells ? { "request-update": 1 } : {};
  }

  /** Throws FramebufferError, RingError or HypercallError, and then nothing is held or bound. */
  #open(mfn: number, port: number, longBytes: 4 | 8, tells: boolean, mostBytes: number): Connection {
    const { address, foreign, memory } = this.#context;
    const frames = new FramebufferFrames(foreign, address.domid);
    try {
      const page = frames.hold(mfn, "write");
      const copy = memory.bytes(page.address, PAGE_SIZE).slice();
      const view = new DataView(copy.buffer, copy.byteOffset, PAGE_SIZE);
      const description = fbif.readDescription(view, longBytes, mostBytes);
      const { width, height, stride, depth, offset, bytes } = description;
      const pixels = frames.holdAll(memory, description, longBytes);
      const events = new EventPage(memory.memory.buffer, page.address, fbif.FB_PAGE);
      const channel = this.#context.open([], port, () => this.#serve());
      return { channel, page, events, frames, pixels, bytes, tells, mode: { width, height, stride, depth, offset } };
    } catch (error) {
      frames.release();
      throw error;
    }
  }

  #show(): void {
    const connection = this.#connection;
    if (!connection || !this.#screen) return;
    const { memory } = this.#context;
    const { pixels, mode, tells } = connection;
    const watch = (isWatched: boolean): void => this.#watched(isWatched);
    this.#screen.screen.show(new GuestPixels(memory.memory.buffer, pixels, mode, tells, watch));
  }

  /**
   * While nobody looks, the events stay in the ring. When it is full, the frontend collects what it draws and sends no more. The notification makes
   * it report all of that when somebody looks again.
   */
  #watched(isWatched: boolean): void {
    if (isWatched === this.#isWatched) return;
    this.#isWatched = isWatched;
    const connection = this.#connection;
    if (!connection) return;
    const period = isWatched ? REFRESH_MS : XENFB_NO_REFRESH;
    try {
      if (connection.tells) connection.events.put(Int32Array.of(XENFB_TYPE_REFRESH_PERIOD, period));
    } catch (error) {
      this.#context.fail(error);
      return;
    }
    this.#context.later(() => {
      this.#serve();
      if (this.#connection === connection) connection.channel.notify();
    });
  }

  #serve(): void {
    const connection = this.#connection;
    // At most one turn is to come: if each event could add one, a guest that never lets its ring become empty would have them all.
    if (!connection || !this.#isWatched || this.#willServe) return;
    const { events } = connection;
    let resized = false;
    try {
      let turns = TURNS_PER_SERVICE;
      for (; turns > 0 && events.take(); turns--) {
        const type = fbif.eventType(events.event);
        if (type === XENFB_TYPE_UPDATE) {
          this.#updates++;
          if (!resized) this.#screen?.screen.damage(fbif.readUpdate(events.event));
        } else if (type === XENFB_TYPE_RESIZE) {
          this.#resizes++;
          connection.mode = fbif.checkMode(fbif.readResize(events.event), connection.bytes);
          resized = true;
        }
        // Other events are from a later version of the protocol, which says to ignore them.
      }
      if (turns === 0) this.#goOnLater();
    } catch (error) {
      this.#context.fail(error);
      return;
    }
    // After a change of mode everything is drawn anew, which includes the updates that follow the change.
    if (resized) this.#show();
  }

  #goOnLater(): void {
    this.#willServe = true;
    this.#context.later(() => {
      this.#willServe = false;
      this.#serve();
    });
  }

  disconnect(): void {
    const connection = this.#connection;
    if (!connection) return;
    this.#connection = null;
    this.#screen?.screen.show(null);
    this.#isWatched = false;
    this.#willServe = false;
    connection.frames.release();
  }

  async close(): Promise<void> {
    this.disconnect();
    const { address, services, store } = this.#context;
    services.screens.close(address.domid, address.id);
    const port = this.#screen?.vnc?.port;
    this.#screen = null;
    // Removes this from a domain that goes on without the framebuffer.
    const home = `/local/domain/${address.domid}/console`;
    if (port === undefined || (await store.read(`${home}/vnc-port`)) !== String(port)) return;
    for (const name of ["vnc-port", "vnc-listen"]) await store.remove(`${home}/${name}`);
  }

  state(): BackendState {
    const connection = this.#connection;
    const screen = this.#screen?.screen;
    const vnc = this.#screen?.vnc ?? null;
    const { width, height, depth } = connection?.mode ?? { width: 0, height: 0, depth: 0 };
    return {
      traffic: null,
      rings: connection
        ? [
            {
              name: "events",
              structure: "xenfb_page",
              unit: "requests",
              directions: connection.events.directions(),
              error: null,
              port: connection.channel.port,
              pages: [connection.page],
            },
          ]
        : [],
      behind: {
        title: "Screen",
        figures: [
          { name: "size", label: "Size", value: connection ? `${width}x${height}, ${depth} bits` : "none", unit: "" },
          { name: "viewers", label: "Viewers", value: screen?.viewers ?? 0, unit: "" },
          { name: "updates", label: "Updates told", value: this.#updates, unit: "" },
          { name: "resizes", label: "Resizes", value: this.#resizes, unit: "" },
          { name: "frames", label: "Frames held", value: connection?.frames.count ?? 0, unit: "" },
          { name: "vnc", label: "VNC", value: vnc ? `${vnc.address}:${vnc.port}` : "none", unit: "" },
        ],
      },
    };
  }
}
