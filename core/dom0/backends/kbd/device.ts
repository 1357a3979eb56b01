/** A virtual keyboard and pointer: passes on what is typed and pointed at by those who look at the domain's screen. */
import type { InputDevice } from "../../display/inputs.ts";
import type { Channel } from "../../xenbus/channel.ts";
import { EventPage } from "../../xenbus/event-page.ts";
import type { Backend, BackendContext, BackendState, Nodes } from "../../xenbus/kind.ts";
import type { HeldFrame } from "../../kernel/native.ts";
import { POINTER_RANGE } from "./config.ts";
import * as kbdif from "./protocol.ts";

/**
 * How many events wait for a guest that does not read them. Further ones are lost, as with a keyboard that nobody serves. A release of a key is kept
 * all the same if its press was not lost, because otherwise the key would stay down; there are never more of these than keycodes.
 */
const MOST_WAITING = 512;
const MOST_RANGE = 65536;
/** Events of the frontend that are skipped in one go. */
const MOST_IGNORED = 64;

interface Connection {
  readonly channel: Channel;
  readonly events: EventPage;
  /** Set where the frontend has given its page by frame number and not by grant. */
  readonly frame: HeldFrame | null;
  readonly isAbsolute: boolean;
  readonly width: number;
  readonly height: number;
}

export class Keyboard implements Backend, InputDevice {
  readonly #context: BackendContext;
  #connection: Connection | null = null;
  #waiting: kbdif.KeyboardEvent[] = [];
  #x = 0;
  #y = 0;
  #buttons = 0;
  readonly #down = new Set<number>();
  /** Keys and buttons whose press the guest has been told, or will be, but not yet their release. */
  readonly #told = new Set<number>();
  #sent = 0;
  #lost = 0;

  constructor(context: BackendContext) {
    this.#context = context;
  }

  async prepare(): Promise<Nodes> {
    const { back } = this.#context;
    const { width, height } = await this.#range();
    return { "feature-abs-pointer": (await back("feature-abs-pointer")) === "0" ? 0 : 1, width, height };
  }

  async #range(): Promise<{ width: number; height: number }> {
    const read = async (name: "width" | "height"): Promise<number> => {
      const value = Number((await this.#context.back(name)) ?? 0);
      return value >= 1 && value <= MOST_RANGE ? Math.floor(value) : POINTER_RANGE[name];
    };
    return { width: await read("width"), height: await read("height") };
  }

  async connect(): Promise<Nodes> {
    const { front, frontNumber, memory, address, foreign, services } = this.#context;
    const port = await frontNumber("event-channel");
    const isAbsolute = (await frontNumber("request-abs-pointer", 1, 0)) === 1;
    const isGranted = (await front("page-gref")) !== null;
    const ref = await frontNumber(isGranted ? "page-gref" : "page-ref");
    const range = await this.#range();
    // Older frontends name the page by its frame number.
    const frame = isGranted ? null : foreign.hold(address.domid, ref, "write");
    try {
      const channel = this.#context.open(isGranted ? [ref] : [], port, () => this.#serve());
      const page = frame ?? channel.pages[0]!;
      const events = new EventPage(memory.memory.buffer, page.address, kbdif.KBD_PAGE);
      this.#connection = { channel, events, frame, isAbsolute, ...range };
    } catch (error) {
      if (frame) foreign.release(frame);
      throw error;
    }
    services.screens.inputs(address.domid).connect(address.id, this);
    return {};
  }

  /**
   * A key that is pressed while it is down repeats. Frontends have no repeat of their own and take no press twice, so a release is sent in between.
   */
  key(keycode: number, isDown: boolean): void {
    if (keycode < 1 || keycode > kbdif.MOST_KEYCODE) return;
    const repeats = isDown && this.#down.has(keycode);
    if (isDown) this.#down.add(keycode);
    else this.#down.delete(keycode);
    const press = kbdif.keyEvent(keycode, isDown);
    this.#send(repeats ? [kbdif.keyEvent(keycode, false), press] : [press]);
  }

  pointer(x: number, y: number, buttons: number, wheel: number): void {
    const connection = this.#connection;
    if (!connection) return;
    const { isAbsolute, width, height } = connection;
    const [toX, toY] = [Math.round(x * (width - 1)), Math.round(y * (height - 1))];
    const events: kbdif.KeyboardEvent[] = [];
    if (isAbsolute) {
      if (toX !== this.#x || toY !== this.#y || wheel !== 0) events.push(kbdif.positionEvent(toX, toY, wheel));
    } else if (toX !== this.#x || toY !== this.#y || wheel !== 0)
      events.push(kbdif.motionEvent(toX - this.#x, toY - this.#y, wheel));
    this.#x = toX;
    this.#y = toY;
    kbdif.BUTTONS.forEach((button, bit) => {
      const isDown = (buttons & (1 << bit)) !== 0;
      if (isDown !== ((this.#buttons & (1 << bit)) !== 0)) events.push(kbdif.keyEvent(button, isDown));
    });
    this.#buttons = buttons;
    if (events.length) this.#send(events);
  }

  #send(events: kbdif.KeyboardEvent[]): void {
    if (!this.#connection) return;
    for (const event of events) {
      const last = this.#waiting.at(-1);
      if (last && kbdif.isMereMotion(last) && kbdif.isMereMotion(event))
        this.#waiting[this.#waiting.length - 1] = event;
      else if (this.#isKept(event)) this.#waiting.push(event);
      else this.#lost++;
    }
    this.#serve();
  }

  #isKept(event: kbdif.KeyboardEvent): boolean {
    const hasRoom = this.#waiting.length < MOST_WAITING;
    const key = kbdif.keyOf(event);
    if (!key) return hasRoom;
    if (!key.isDown) return this.#told.delete(key.code);
    if (hasRoom) this.#told.add(key.code);
    return hasRoom;
  }

  /** Puts what waits into the ring, as far as there is room. The frontend sends an event when it has read. */
  #serve(): void {
    const connection = this.#connection;
    if (!connection) return;
    const { events, channel } = connection;
    let isNew = false;
    try {
      // The protocol has no events to the backend yet, and says to ignore them.
      for (let turns = MOST_IGNORED; turns > 0 && events.take(); turns--);
      while (this.#waiting.length > 0 && events.put(this.#waiting[0]!)) {
        this.#waiting.shift();
        this.#sent++;
        isNew = true;
      }
    } catch (error) {
      this.#context.fail(error);
      return;
    }
    if (isNew) channel.notify();
  }

  disconnect(): void {
    const connection = this.#connection;
    if (!connection) return;
    const { address, services, foreign } = this.#context;
    services.screens.inputs(address.domid).connect(address.id, null);
    this.#connection = null;
    this.#waiting = [];
    this.#buttons = 0;
    this.#down.clear();
    this.#told.clear();
    if (connection.frame) foreign.release(connection.frame);
  }

  close(): void {
    this.disconnect();
    const { address, services } = this.#context;
    services.screens.forgetInputs(address.domid);
  }

  state(): BackendState {
    const connection = this.#connection;
    return {
      traffic: null,
      rings: connection
        ? [
            {
              name: "events",
              structure: "xenkbd_page",
              unit: "requests",
              directions: connection.events.directions(),
              error: null,
              port: connection.channel.port,
              pages: connection.frame ? [connection.frame] : connection.channel.pages,
            },
          ]
        : [],
      behind: {
        title: "Viewers",
        figures: [
          { name: "sent", label: "Events sent", value: this.#sent, unit: "" },
          { name: "waiting", label: "Waiting", value: this.#waiting.length, unit: "" },
          { name: "lost", label: "Lost", value: this.#lost, unit: "" },
          {
            name: "pointer",
            label: "Pointer",
            value: connection ? (connection.isAbsolute ? "absolute" : "relative") : "none",
            unit: "",
          },
        ],
      },
    };
  }
}
