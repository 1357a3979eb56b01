/** What VNC clients may cost their host: memory, places, and the thread that all backends share. */
import { connect, type Socket } from "node:net";
import { performance as nodePerformance } from "node:perf_hooks";
import { Duplex } from "node:stream";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Screens } from "../../../core/dom0/display/screens.ts";
import { Tiles } from "../../../core/dom0/display/tiles.ts";
import { responseTo } from "../../../core/dom0/display/vnc/authentication.ts";
import { VncClient } from "../../../core/dom0/display/vnc/client.ts";
import { PixelFormat } from "../../../core/dom0/display/vnc/pixel-format.ts";
import { VncServer } from "../../../core/dom0/display/vnc/server.ts";
import { Painted, screenOf, type Typed } from "./painted.ts";
import { RfbClient } from "./rfb-client.ts";

let typed: Typed;
let server: VncServer | null = null;
let clients: RfbClient[] = [];
let sockets: (Socket | Duplex)[] = [];

const listen = async (password: string | null = null): Promise<VncServer> =>
  (server = await VncServer.listen(typed.screen, {
    listen: "127.0.0.1",
    display: 450,
    mayBeOther: true,
    password,
    name: "tiny",
  }));
const client = (): RfbClient => {
  const made = new RfbClient(server!.address.port);
  clients.push(made);
  return made;
};

/** A client that has entered, on a connection that takes what is sent only when `take` is called. `sent` is what was sent. */
function inside(): { socket: Duplex; sent: Buffer[]; take: () => void; stop: () => void } {
  const sent: Buffer[] = [];
  let waiting: (() => void) | null = null;
  let isStopped = false;
  const socket = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      sent.push(chunk);
      if (isStopped) waiting = done;
      else done();
    },
  });
  sockets.push(socket);
  new VncClient(socket as Socket, typed.screen, { password: null, name: "", refusal: null });
  socket.push(Buffer.concat([Buffer.from("RFB 003.008\n"), Buffer.of(1, 1)]));
  const take = (): void => {
    const done = waiting;
    waiting = null;
    done?.();
  };
  return { socket, sent, take, stop: () => void (isStopped = true) };
}
const INDEXED = Buffer.from([0, 0, 0, 0, 8, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
const askAll = (incremental: boolean): Buffer => Buffer.from([3, incremental ? 1 : 0, 0, 0, 0, 0, 255, 255, 255, 255]);

beforeEach(() => {
  typed = screenOf(new Painted(64, 64).picture(1));
});
afterEach(() => {
  vi.restoreAllMocks();
  for (const each of clients) each.socket.destroy();
  for (const each of sockets) each.destroy();
  clients = [];
  sockets = [];
  server?.close();
  server = null;
});

describe("a VNC client that takes nothing", () => {
  it("has no colours of a table kept for it, however often it asks for them", async () => {
    const { socket, sent, stop } = inside();
    await expect.poll(() => sent.length).toBe(4);
    stop();
    const before = sent.length;
    for (let i = 0; i < 20; i++) socket.push(Buffer.concat(Array.from({ length: 500 }, () => INDEXED)));
    // This message comes after all of them, so it is heard when they have been handled.
    socket.push(Buffer.from([5, 1, 0, 0, 0, 0]));
    await expect.poll(() => typed.pointer.length).toBe(1);
    const kept = socket.writableLength + sent.slice(before).reduce((sum, { length }) => sum + length, 0);
    expect(kept).toBeLessThan(10_000);
  });

  it("gets the colours before the update whose pixels they are", async () => {
    await listen();
    const viewer = client();
    await viewer.enter();
    viewer.send(INDEXED, askAll(false));
    const head = await viewer.read(6);
    expect([head[0], head.readUInt16BE(4)]).toEqual([1, 256]);
    await viewer.read(6 * 256);
    expect([...(await viewer.read(4))]).toEqual([0, 0, 0, 1]);
  });
});

describe("VNC clients that are not let in", () => {
  it("take a bounded number of connections, and leave their places", async () => {
    const { port } = (await listen()).address;
    const many = Array.from({ length: 120 }, () => {
      const socket = connect(port, "127.0.0.1").on("error", () => {});
      sockets.push(socket);
      return { socket, ended: new Promise<void>((resolve) => socket.once("close", resolve)) };
    });
    for (const { socket } of many) socket.resume();
    // They say nothing. All beyond the limit are closed at once, and not when their time has run out.
    let closed = 0;
    for (const { ended } of many) void ended.then(() => closed++);
    await expect.poll(() => closed, { timeout: 5000 }).toBeGreaterThanOrEqual(80);
    for (const { socket } of many) socket.destroy();
    await expect.poll(() => server!.clients).toBe(0);
    expect(await client().enter()).toBe("tiny");
  });

  it("can't try more passwords by not waiting for the answer", async () => {
    await listen("sesame");
    const guess = async (): Promise<void> => {
      const guesser = client();
      await guesser.read(12);
      guesser.send(Buffer.from("RFB 003.008\n"), 2);
      await guesser.read(2);
      guesser.send(responseTo(await guesser.read(16), "open"));
      guesser.socket.end();
      await guesser.closed;
    };
    const began = performance.now();
    for (let i = 0; i < 16; i++) await guess();
    // A place becomes free when the delay of the first guess is over.
    for (;;) {
      const name = await client()
        .enter("003.008", "sesame")
        .catch(() => null);
      if (name === "tiny") break;
    }
    expect(performance.now() - began).toBeGreaterThan(950);
  });
});

describe("a VNC client that asks for all of it again and again", () => {
  it("has it noted once for each update", async () => {
    const { socket, sent, take, stop } = inside();
    socket.push(askAll(false));
    await expect.poll(() => sent.length).toBe(5);
    stop();
    socket.push(askAll(false));
    await expect.poll(() => sent.length).toBe(6);
    const marks = vi.spyOn(Tiles.prototype, "markRectangle");
    const ask = Buffer.from(askAll(false));
    // One request is for all but a corner, another for the corner. Both are owed.
    ask.writeUInt16BE(32, 2);
    const corner = Buffer.from([3, 0, 0, 0, 0, 0, 0, 1, 0, 1]);
    socket.push(Buffer.concat([corner, ...Array.from({ length: 3000 }, () => ask)]));
    socket.push(Buffer.from([5, 1, 0, 0, 0, 0]));
    await expect.poll(() => typed.pointer.length).toBe(1);
    take();
    await expect.poll(() => sent.length).toBe(7);
    expect(marks.mock.calls.length).toBeLessThan(10);
    expect(sent.at(-1)!.readUInt16BE(2)).toBe(1);
    expect([4, 6, 8, 10].map((at) => sent.at(-1)!.readUInt16BE(at))).toEqual([0, 0, 64, 64]);
  });

  it("leaves the thread to others for half of the time, however many do", async () => {
    const noise = new Painted(1024, 1024);
    for (let i = 0; i < noise.pixels.length; i++) noise.pixels[i] = Math.imul(i, 2654435761) >>> 8;
    typed.screen.show(noise);
    const greedy = [inside(), inside(), inside()];
    const hextile = Buffer.from([2, 0, 0, 1, 0, 0, 0, 5]);
    for (const { socket } of greedy) socket.push(hextile);
    const updates = (): number => greedy.reduce((sum, { sent }) => sum + sent.length, 0);
    // As soon as it has an update it asks for the next.
    for (const { socket, sent } of greedy) {
      const push = sent.push.bind(sent);
      sent.push = (chunk) => {
        setImmediate(() => socket.push(askAll(false)));
        return push(Buffer.alloc(chunk.length > 1000 ? 1 : 0));
      };
      socket.push(askAll(false));
    }
    await expect.poll(updates).toBeGreaterThan(15);
    const before = nodePerformance.eventLoopUtilization();
    const begun = updates();
    await expect.poll(updates, { timeout: 20_000 }).toBeGreaterThan(begun + 12);
    expect(nodePerformance.eventLoopUtilization(before).utilization).toBeLessThan(0.75);
  });
});

describe("a VNC client that sends as fast as its messages are handled", () => {
  const CHUNKS = 12;
  const key = Buffer.from([4, 1, 0, 0, 0, 0, 0, 0x61]);
  const trueColour = Buffer.from([0, 0, 0, 0, 32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0, 0, 0, 0]);
  const text = Buffer.concat([Buffer.from([6, 0, 0, 0, 0, 0, 0, 1]), Buffer.of(65)]);
  const encodings = Buffer.concat([Buffer.from([2, 0, 4, 0]), Buffer.alloc(4 * 1024)]);
  it.each(Object.entries({ key, trueColour, text, encodings }))(
    "leaves the thread to others for a part of the time: %s",
    async (_, message) => {
      const { socket } = inside();
      const chunk = Buffer.concat(Array.from({ length: Math.ceil(65_536 / message.length) }, () => message));
      const before = nodePerformance.eventLoopUtilization();
      let chunks = 0;
      await new Promise<void>((resolve) => {
        // As many as would come in one go of a fast connection.
        const send = (): void => {
          for (; chunks < CHUNKS && socket.readableLength < chunk.length; chunks++) socket.push(chunk);
          if (chunks < CHUNKS) setTimeout(send, 1);
          else resolve();
        };
        send();
      });
      expect(nodePerformance.eventLoopUtilization(before).utilization).toBeLessThan(0.75);
    },
  );
});

describe("a screen", () => {
  it("leaves nothing of its domain's keys behind, whether it or the keyboard goes first", async () => {
    const screens = new Screens();
    const inputs = screens.inputs(7);
    await screens.open(7, "0", null);
    screens.forgetInputs(7);
    expect(screens.inputs(7)).toBe(inputs);
    screens.close(7, "0");
    expect(screens.inputs(7)).not.toBe(inputs);
  });

  it("tells its size to a client that says only later that it can take another", async () => {
    await listen();
    const viewer = client();
    await viewer.enter();
    viewer.ask(false);
    await viewer.update();
    viewer.ask(true);
    typed.screen.show(new Painted(96, 48).picture(2));
    await viewer.update();
    viewer.encodings(0, -223);
    viewer.ask(false);
    expect(await viewer.update()).toMatchObject([{ encoding: -223, width: 96, height: 48 }]);
  });

  it("is sent in whole pixels by ZRLE to a client whose pixels use all of their bits (RFC 6143, 7.7.5)", () => {
    const format = (depth: number): PixelFormat =>
      PixelFormat.read(Buffer.from([32, depth, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0, 0, 0, 0]));
    expect([24, 32].map((depth) => format(depth).compactBytes)).toEqual([3, 4]);
  });

  it("is not looked at sooner when it is its viewers who take long", async () => {
    const viewer = typed.screen.look();
    const began: number[] = [];
    const look = (): void =>
      viewer.wait(() => {
        began.push(performance.now());
        viewer.take();
        while (performance.now() < began.at(-1)! + 60);
        look();
        surface.fill(0, 0, 1, 1, began.length);
        typed.screen.damage({ x: 0, y: 0, width: 1, height: 1 });
      });
    const surface = new Painted(64, 64);
    typed.screen.show(surface);
    look();
    await expect.poll(() => began.length).toBe(4);
    viewer.leave();
    for (let i = 1; i < 4; i++) expect(began[i]! - began[i - 1]!).toBeGreaterThan(115);
  });
});
