/** The VNC server by itself: versions, password, sizes, keys, and hostile clients. XENARIUM_SEED=n tries other messages. */
import type { Socket } from "node:net";
import { Duplex } from "node:stream";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { VncClient } from "../../../core/dom0/display/vnc/client.ts";
import { VncServer } from "../../../core/dom0/display/vnc/server.ts";
import { Painted, screenOf, type Typed } from "./painted.ts";
import { RfbClient } from "./rfb-client.ts";

const SEED = Number(process.env.XENARIUM_SEED ?? 20261128);
let surface: Painted;
let typed: Typed;
let server: VncServer;
let clients: RfbClient[] = [];

const listen = (password: string | null = null, display = 400): Promise<VncServer> =>
  VncServer.listen(typed.screen, { listen: "127.0.0.1", display, mayBeOther: true, password, name: "tiny (Xenarium)" });
const client = (): RfbClient => {
  const made = new RfbClient(server.address.port);
  clients.push(made);
  return made;
};

beforeEach(async () => {
  surface = new Painted(200, 120).picture(1);
  typed = screenOf(surface);
  server = await listen();
});
afterEach(() => {
  for (const each of clients) each.socket.destroy();
  clients = [];
  server.close();
});

describe("a VNC server", () => {
  it.each(["003.003", "003.007", "003.008", "003.889"])("speaks RFB %s", async (version) => {
    const viewer = client();
    expect(await viewer.enter(version === "003.889" ? "003.008" : version)).toBe("tiny (Xenarium)");
    expect([viewer.width, viewer.height]).toEqual([200, 120]);
    viewer.ask(false);
    const [all] = await viewer.update();
    expect([all!.x, all!.y, all!.width, all!.height]).toEqual([0, 0, 200, 120]);
    surface.pixels.forEach((pixel, i) => {
      if (all!.pixels.readUInt32LE(4 * i) !== pixel) throw new Error(`pixel ${i}`);
    });
  });

  it("listens on loopback, on the next port that is free, or says why it can't", async () => {
    const other = await listen();
    expect(other.address.address).toBe("127.0.0.1");
    expect(other.address.port).toBeGreaterThan(server.address.port);
    other.close();
    const there = {
      listen: "127.0.0.1",
      display: server.address.port - 5900,
      mayBeOther: false,
      password: null,
      name: "",
    };
    await expect(VncServer.listen(typed.screen, there)).rejects.toThrow(
      `port ${server.address.port} of 127.0.0.1 is in use`,
    );
    await expect(VncServer.listen(typed.screen, { ...there, listen: "192.0.2.1" })).rejects.toThrow(
      "192.0.2.1 is no address of this computer",
    );
  });

  it.each(["003.003", "003.008"])("lets in who knows the password, by RFB %s", async (version) => {
    server.close();
    server = await listen("sesame-and-more");
    // Only eight bytes of a password count.
    expect(await client().enter(version, "sesame-a")).toContain("tiny");
    const began = performance.now();
    await expect(client().enter(version, "sesamE-a")).rejects.toThrow(version === "003.008" ? "another" : "refused");
    expect(performance.now() - began).toBeGreaterThan(900);
    const none = client();
    await none.read(12);
    none.send(Buffer.from("RFB 003.008\n"));
    expect([...(await none.read(2))]).toEqual([1, 2]);
    none.send(1);
    await none.closed;
  });

  it("sends what changed, when it changed, and only that", async () => {
    const viewer = client();
    await viewer.enter();
    viewer.ask(false);
    await viewer.update();
    viewer.ask(true);
    surface.fill(70, 40, 4, 4, 0xfedcba);
    typed.screen.damage({ x: 70, y: 40, width: 4, height: 4 });
    const [changed] = await viewer.update();
    expect([changed!.x, changed!.y, changed!.width, changed!.height]).toEqual([64, 32, 32, 32]);
    expect(changed!.pixels.readUInt32LE(4 * (8 * 32 + 6))).toBe(0xfedcba);
    // The same picture was drawn again, so there is nothing to send. The next update shows what is drawn after that.
    viewer.ask(true);
    typed.screen.damage({ x: 0, y: 0, width: 200, height: 120 });
    // A client that has seen nothing yet gets all of the same picture.
    const other = client();
    await other.enter();
    other.ask(false);
    await other.update();
    surface.fill(0, 0, 1, 1, 0x777777);
    typed.screen.damage({ x: 0, y: 0, width: 1, height: 1 });
    expect((await viewer.update()).map(({ x, y }) => [x, y])).toEqual([[0, 0]]);
  });

  it.each([
    ["a frontend that reports what it draws", true],
    ["one that reports nothing", false],
  ])(
    "shows a client that comes, and one that asks for everything again, what is drawn now, by %s",
    async (_, tells) => {
      Object.assign(surface, { tells });
      const draw = (y: number): void => {
        surface.fill(0, y, 200, 1, 0x010203 * (y + 1));
        if (tells) typed.screen.damage({ x: 0, y, width: 200, height: 1 });
      };
      const sees = async (viewer: RfbClient): Promise<void> => {
        viewer.ask(false);
        const [all] = await viewer.update();
        expect([all!.x, all!.y, all!.width, all!.height]).toEqual([0, 0, 200, 120]);
        const seen = Array.from(surface.pixels, (_, i) => all!.pixels.readUInt32LE(4 * i));
        expect(seen.findIndex((pixel, i) => pixel !== surface.pixels[i])).toBe(-1);
      };
      // Somebody who has seen the first part of a drawing waits for no more of it, and still looks.
      const first = client();
      await first.enter();
      await sees(first);
      first.ask(true);
      draw(3);
      await first.update();
      draw(100);
      // Longer than any look at the screen keeps others waiting.
      await new Promise((resolve) => setTimeout(resolve, 150));
      const second = client();
      await second.enter();
      await sees(second);
      draw(50);
      await new Promise((resolve) => setTimeout(resolve, 150));
      await sees(first);
    },
  );

  it("tells another size to who can take it, and shows others what fits", async () => {
    const [able, unable] = [client(), client()];
    for (const each of [able, unable]) {
      await each.enter();
      each.encodings(0, ...(each === able ? [-223] : []));
      each.ask(false);
      await each.update();
      each.ask(true);
    }
    const smaller = new Painted(150, 150).picture(3);
    typed.screen.show(smaller);
    const [size] = await able.update();
    expect(size).toMatchObject({ encoding: -223, width: 150, height: 150 });
    const [all] = await able.update();
    expect([all!.width, all!.height]).toEqual([150, 150]);
    const [fits] = await unable.update();
    expect([fits!.width, fits!.height]).toEqual([150, 120]);
    expect(fits!.pixels.readUInt32LE(4 * 150 * 119)).toBe(smaller.pixels[150 * 119]);
  });

  it("takes keys by scancode and by symbol, as a US keyboard has it, and lets go of all when the client goes", async () => {
    const viewer = client();
    await viewer.enter();
    viewer.encodings(0, -258);
    expect(await viewer.update()).toMatchObject([{ encoding: -258 }]);
    viewer.scancode(0x1e, true); // A
    viewer.scancode(0xc8, true); // up
    viewer.scancode(0x1e, false);
    viewer.key(0x7a, true); // z
    viewer.key(0x7a, false);
    viewer.key(0x21, true); // ! where it needs no shift
    viewer.key(0x21, false);
    viewer.key(0xffe1, true); // shift
    viewer.key(0x2f, true); // / where it needs shift
    viewer.key(0x2f, false);
    viewer.key(0x3f, true); // ?
    viewer.key(0x1234, true); // no key has it
    viewer.pointer(199, 119, 1);
    viewer.pointer(100, 0, 8);
    viewer.pointer(100, 0, 0);
    viewer.pointer(100, 0, 16);
    await expect.poll(() => typed.pointer.length).toBe(4);
    expect(typed.keys.splice(0)).toEqual([
      [30, true],
      [103, true],
      [30, false],
      [44, true],
      [44, false],
      [42, true],
      [2, true],
      [42, false],
      [2, false],
      [42, true],
      [42, false],
      [53, true],
      [42, true],
      [53, false],
      [53, true],
    ]);
    expect(typed.pointer.map(({ x, y, buttons, wheel }) => [x, y, buttons, wheel])).toEqual([
      [1, 1, 1, 0],
      [100 / 199, 0, 0, -1],
      [100 / 199, 0, 0, 0],
      [100 / 199, 0, 0, 1],
    ]);
    viewer.socket.destroy();
    await expect.poll(() => typed.keys.length).toBe(3);
    expect(typed.keys).toEqual(
      expect.arrayContaining([
        [103, false],
        [42, false],
        [53, false],
      ]),
    );
  });

  it("gives a slow reader no more than one update, and others theirs meanwhile", async () => {
    typed.screen.show(new Painted(2000, 2000).picture(5));
    const [slow, quick] = [client(), client()];
    await slow.enter();
    slow.socket.pause();
    for (let i = 0; i < 1000; i++) slow.ask(false);
    await quick.enter();
    const before = process.memoryUsage().arrayBuffers;
    for (let i = 0; i < 10; i++) {
      quick.ask(false);
      for (let pixels = 0; pixels < 2000 * 2000;) {
        for (const { width, height } of await quick.update()) pixels += width * height;
        if (pixels < 2000 * 2000) quick.ask(true);
      }
    }
    // Some of the fast client's 160 MB may not have been collected yet; the slow client's updates would be 16 GB.
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(400 << 20);
    expect(slow.isClosed).toBe(false);
    slow.socket.resume();
    expect((await slow.update()).length).toBeGreaterThan(0);
  });

  it("goes on by itself when what waited for a slow reader has gone, however little it was", async () => {
    // A connection whose other end takes data only when it is told to, with updates of 4 KiB, at which Node does not report a full buffer.
    const small = new Painted(32, 32);
    typed.screen.show(small);
    const sent: Buffer[] = [];
    let take: (() => void) | null = null;
    let isSlow = false;
    const socket = new Duplex({
      read() {},
      write(chunk: Buffer, _encoding, done) {
        sent.push(chunk);
        if (isSlow) take = done;
        else done();
      },
    });
    new VncClient(socket as Socket, typed.screen, { password: null, name: "", refusal: null });
    const ask = Buffer.from([3, 0, 0, 0, 0, 0, 0, 32, 0, 32]);
    socket.push(Buffer.concat([Buffer.from("RFB 003.008\n"), Buffer.of(1, 1), ask]));
    const updates = (): number => sent.filter(({ length }) => length > 4096).length;
    await expect.poll(updates).toBe(1);
    isSlow = true;
    socket.push(ask);
    await expect.poll(updates).toBe(2);
    expect(socket.writableLength).toBeGreaterThan(0);
    // It is asked for before the second has gone, and never again.
    socket.push(ask);
    const other = client();
    await other.enter();
    other.ask(false);
    await other.update();
    expect(updates()).toBe(2);
    isSlow = false;
    take!();
    await expect.poll(updates).toBe(3);
    socket.destroy();
  });

  it("takes sixteen clients and says so to the next", async () => {
    const sixteen = Array.from({ length: 16 }, client);
    for (const each of sixteen) await each.enter();
    await expect(client().enter()).rejects.toThrow("16 viewers look at it already");
    await expect(client().enter("003.003")).rejects.toThrow("16 viewers look at it already");
    sixteen[0]!.socket.destroy();
    await expect.poll(() => server.clients).toBe(15);
    expect(await client().enter()).toContain("tiny");
  });

  it("ends a client that does not keep to the protocol, and nothing else", async () => {
    const good = client();
    await good.enter();
    const wrong: (readonly [string, Buffer])[] = [
      ["an unknown message", Buffer.of(99)],
      ["audio of QEMU's", Buffer.of(255, 1, 0, 1)],
      ["pixels of 24 bits", Buffer.concat([Buffer.of(0, 0, 0, 0, 24, 24, 0, 1), Buffer.alloc(12)])],
      ["a colour beyond its pixel", Buffer.from([0, 0, 0, 0, 8, 8, 0, 1, 255, 255, 0, 1, 0, 1, 0, 1, 2, 0, 0, 0])],
      ["a shift of 200", Buffer.from([0, 0, 0, 0, 32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 200, 8, 0, 0, 0, 0])],
      ["60,000 encodings", Buffer.of(2, 0, 0xea, 0x60)],
      ["a text of 4 GiB", Buffer.of(6, 0, 0, 0, 255, 255, 255, 255)],
    ];
    for (const [, bytes] of wrong) {
      const bad = client();
      await bad.enter();
      bad.send(bytes);
      await bad.closed;
    }
    for (const greeting of ["GET / HTTP/1.1\r\n\r\n", "RFB 002.000\n", "RFB xxx.yyy\n"]) {
      const bad = client();
      bad.send(Buffer.from(greeting));
      await bad.closed;
    }
    good.ask(false);
    expect((await good.update())[0]!.width).toBe(200);
  });

  it(`survives what is no protocol at all (seed ${SEED})`, async () => {
    let state = SEED >>> 0;
    const random = (below: number): number => {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0;
      return Math.floor((state / 2 ** 32) * below);
    };
    for (let i = 0; i < 150; i++) {
      const bad = client();
      if (random(4) > 0) await bad.enter();
      const kinds = [0, 2, 3, 4, 5, 6, 255, random(256)];
      for (let n = 1 + random(30); n > 0; n--) {
        const bytes = Buffer.from(
          Array.from({ length: 1 + random(24) }, () => (random(3) ? random(256) : pickByte(random))),
        );
        bytes[0] = kinds[random(kinds.length)]!;
        bad.send(bytes);
      }
      if (random(2)) bad.socket.end();
      else bad.socket.destroy();
    }
    for (const each of clients.splice(0)) each.socket.destroy();
    await expect.poll(() => server.clients).toBe(0);
    const good = client();
    await good.enter();
    good.ask(false);
    expect((await good.update())[0]!.width).toBe(200);
    // A client that has gone holds no key.
    const down = new Set<number>();
    for (const [keycode, isDown] of typed.keys)
      if (isDown) down.add(keycode);
      else down.delete(keycode);
    expect([...down]).toEqual([]);
  });

  it("lets the guest rest when nobody looks any more", async () => {
    const viewer = client();
    await viewer.enter();
    await expect.poll(() => surface.isWatched).toBe(true);
    viewer.socket.destroy();
    await expect.poll(() => surface.isWatched).toBe(false);
  });
});

function pickByte(random: (below: number) => number): number {
  return [0, 1, 255][random(3)]!;
}
