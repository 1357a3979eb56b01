/**
 * Channels are further consoles of a domain. Their sockets are for the user alone, occupy nobody else's path, and hurt nobody when a guest floods
 * them.
 */
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { connect, createServer, type Socket } from "node:net";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { CHANNELS } from "../../../../core/dom0/backends/console/channels.ts";
import { DEVICE_KINDS } from "../../../../core/dom0/backends/kinds.ts";
import { temporaryFolder } from "../../../temporary.ts";
import { pvElf } from "../../elf-files.ts";
import { HandFrontend } from "../../xenbus/frontend.ts";
import { fakeHost, type FakeHost } from "../../xenbus/host.ts";

const folder = temporaryFolder("channels");
const place = path.join(folder, "agent.sock");
const OUT = 1024;
const [IN_CONS, IN_PROD, OUT_CONS, OUT_PROD] = [3072, 3076, 3080, 3084];

let host: FakeHost;
let domid: number;
const ask = <T>(name: Parameters<FakeHost["service"]["handle"]>[0], args: object): Promise<T> =>
  host.service.handle(name, args) as Promise<T>;

async function create(...channels: string[]): Promise<void> {
  const list = channels.map((each) => `"${each}"`).join(", ");
  const config = `name = "tiny"\nkernel = "k"\nmemory = 4\nchannel = [${list}]\n`;
  ({ domid } = await ask<{ domid: number }>("create", { config, files: { k: pvElf() } }));
}

/** The guest's end of a channel. */
class HandConsole {
  readonly #front: HandFrontend;
  readonly #id: number;
  constructor(id: number) {
    this.#id = id;
    this.#front = new HandFrontend(host.xen, host.hypercalls, host.store, domid, `console/${id}`, { first: id });
  }
  get state(): string | null {
    return host.store.read(`/local/domain/0/backend/console/${domid}/${this.#id}/state`);
  }
  async connect(): Promise<void> {
    await expect.poll(() => this.state).toBe("2");
    const port = host.hypercalls.ports.allocUnbound(domid, 0);
    this.#front.clear();
    host.xen.bytes(this.#front.pages[0]!, 4096).fill(0);
    this.#front.port = port;
    host.store.writeAll(this.#front.path, { "ring-ref": this.#front.refs[0]!, port, state: 3 });
    await expect.poll(() => this.state).toBe("4");
  }
  #word(at: number, value?: number): number {
    const view = host.xen.view;
    if (value !== undefined) view.setUint32(this.#front.pages[0]! + at, value >>> 0, true);
    return view.getUint32(this.#front.pages[0]! + at, true);
  }
  /** Writes what fits, and returns how many bytes did. */
  write(bytes: Uint8Array): number {
    const producer = this.#word(OUT_PROD);
    const count = Math.min(bytes.length, 2048 - ((producer - this.#word(OUT_CONS)) >>> 0));
    const page = host.xen.bytes(this.#front.pages[0]!, 4096);
    for (let i = 0; i < count; i++) page[OUT + ((producer + i) & 2047)] = bytes[i]!;
    this.#word(OUT_PROD, producer + count);
    this.#notify();
    return count;
  }
  read(): string {
    const [consumer, producer] = [this.#word(IN_CONS), this.#word(IN_PROD)];
    const page = host.xen.bytes(this.#front.pages[0]!, 4096);
    const bytes = Array.from({ length: (producer - consumer) >>> 0 }, (_, i) => page[(consumer + i) & 1023]!);
    this.#word(IN_CONS, producer);
    this.#notify();
    return Buffer.from(bytes).toString("latin1");
  }
  spoil(): void {
    for (const at of [IN_CONS, IN_PROD, OUT_CONS, OUT_PROD]) this.#word(at, Math.floor(Math.random() * 2 ** 32));
    this.#notify();
  }
  #notify(): void {
    host.xen.guestNotify(domid, this.#front.port);
  }
}
async function program(): Promise<{ socket: Socket; heard: () => string; isOpen: () => boolean }> {
  let [text, open] = ["", true];
  const socket = connect(place);
  socket.on("data", (bytes) => (text += bytes.toString("latin1")));
  socket.on("close", () => (open = false));
  socket.on("error", () => {});
  await new Promise((resolve) => socket.once("connect", resolve));
  return { socket, heard: () => text, isOpen: () => open };
}

beforeEach(() => {
  host = fakeHost(DEVICE_KINDS);
});
afterEach(async () => {
  if (domid) await ask("destroy", { domid }).catch(() => {});
  domid = 0;
  host.events.stop();
  await expect.poll(() => fs.readdirSync(folder)).toEqual([]);
});

describe.skipIf(process.platform === "win32")("a channel to a socket", () => {
  it("carries bytes both ways, to one program at a time, and waits for a program that does not read", async () => {
    await create(`name=org.xen.guest,connection=socket,path=${place}`);
    expect(fs.statSync(place).mode & 0o777).toBe(0o600);
    expect(host.store.read(`/local/domain/${domid}/device/console/1/name`)).toBe("org.xen.guest");
    const guest = new HandConsole(1);
    await guest.connect();
    guest.write(Buffer.from("nobody hears this"));
    const one = await program();
    await new Promise((resolve) => setTimeout(resolve, 0));
    expect(guest.write(Buffer.from("hello"))).toBe(5);
    await expect.poll(one.heard).toBe("hello");
    const other = await program();
    await expect.poll(other.isOpen).toBe(false);
    const typed = Array.from({ length: 30_000 }, (_, i) => String.fromCharCode(97 + (i % 26))).join("");
    one.socket.write(typed);
    let read = "";
    await expect.poll(() => (read += guest.read()).length, { interval: 1 }).toBe(typed.length);
    expect(read).toBe(typed);
    // The reader stops. The guest can write no more than fits between them, and continues when it reads again.
    one.socket.pause();
    let written = 0;
    for (let idle = 0; idle < 50;) {
      const count = guest.write(Buffer.alloc(2048, 0x78));
      written += count;
      idle = count === 0 ? idle + 1 : 0;
      await new Promise((resolve) => setImmediate(resolve));
      expect(written).toBeLessThan(8 << 20);
    }
    one.socket.resume();
    await expect.poll(() => one.heard().length).toBe(5 + written);
    one.socket.destroy();
    await expect.poll(async () => (await program()).isOpen()).toBe(true);
    for (let i = 0; i < 200; i++) {
      guest.spoil();
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await ask("consoleAttach", { domid })).toBeTruthy();
  });

  it("takes the place of nothing but a socket that its program has left", async () => {
    fs.writeFileSync(place, "a file");
    await expect(create(`name=a,connection=socket,path=${place}`)).rejects.toThrow(
      /is there already, and is no socket/,
    );
    expect(fs.readFileSync(place, "utf8")).toBe("a file");
    fs.rmSync(place);
    fs.symlinkSync(path.join(folder, "elsewhere"), place);
    await expect(create(`name=a,connection=socket,path=${place}`)).rejects.toThrow(
      /is there already, and is no socket/,
    );
    fs.rmSync(place);
    const server = createServer().listen(place);
    await new Promise((resolve) => server.once("listening", resolve));
    await expect(create(`name=a,connection=socket,path=${place}`)).rejects.toThrow(/another program listens/);
    // A process that was killed leaves the socket like this.
    fs.linkSync(place, `${place}.kept`);
    await new Promise((resolve) => server.close(resolve));
    fs.renameSync(`${place}.kept`, place);
    await create(`name=a,connection=socket,path=${place}`);
    expect(fs.statSync(place).isSocket()).toBe(true);
    await expect(ask("deviceDetach", { domid, key: "channel", device: "0", force: true })).rejects.toThrow(
      "taken away",
    );
    const nowhere = `name=b,connection=socket,path=${folder}/none/x`;
    await expect(ask("deviceAttach", { domid, key: "channel", spec: nowhere, folder })).rejects.toThrow("ENOENT");
  });
});

describe.skipIf(process.platform === "win32")("what comes to be at a channel's place", () => {
  it("while the socket is being made stays, and the channel is refused", async () => {
    const { chmod } = fs.promises;
    const meanwhile = async (...all: Parameters<typeof chmod>): Promise<void> => {
      await chmod(...all);
      fs.writeFileSync(place, "the user's");
    };
    fs.promises.chmod = meanwhile;
    syncBuiltinESMExports();
    try {
      await expect(create(`name=a,connection=socket,path=${place}`)).rejects.toThrow("EEXIST");
    } finally {
      fs.promises.chmod = chmod;
      syncBuiltinESMExports();
    }
    expect(fs.readFileSync(place, "utf8")).toBe("the user's");
    fs.rmSync(place);
  });

  it("in the place of its socket stays when the domain goes", async () => {
    await create(`name=a,connection=socket,path=${place}`);
    const { isOpen } = await program();
    fs.rmSync(place);
    fs.writeFileSync(place, "the user's");
    await ask("destroy", { domid });
    await expect.poll(isOpen).toBe(false);
    // What the channel does with files when it ends is done before these.
    for (let i = 0; i < 50; i++) await fs.promises.stat(folder);
    expect(fs.readFileSync(place, "utf8")).toBe("the user's");
    fs.rmSync(place);
  });
});

describe("a channel with connection=pty", () => {
  it("is a console of its own, by its number", async () => {
    await create("name=a,connection=pty", "name=b, connection=pty");
    const [one, two] = [new HandConsole(1), new HandConsole(2)];
    await one.connect();
    await two.connect();
    one.write(Buffer.from("of one"));
    two.write(Buffer.from("of two"));
    const log = async (console?: number): Promise<string> => {
      const { log: bytes } = await ask<{ log: Uint8Array }>("consoleAttach", { domid, console });
      return Buffer.from(bytes).toString();
    };
    await expect.poll(() => log(1)).toBe("of one");
    await expect.poll(() => log(2)).toBe("of two");
    expect(await log()).toBe("");
    await expect(log(3)).rejects.toThrow("has no console 3");
    await ask("consoleInput", { domid, console: 2, bytes: Buffer.from("typed") });
    await expect.poll(() => two.read()).toBe("typed");
    expect(one.read()).toBe("");
    two.write(Buffer.from("!"));
    const events = () => host.heard.filter(({ event }) => event === "console").map(({ data }) => data);
    await expect.poll(events).toContainEqual({ domid, console: 2, bytes: expect.anything() as unknown, offset: 6 });
  });
});

describe("a channel's specification", () => {
  it.each([
    ["connection=pty", "name is missing"],
    ["name=a", "connection is missing; allowed: pty, socket"],
    ["name=a,connection=bogus", 'connection is "bogus"; allowed: pty, socket'],
    ["name=a,connection=socket", "path is missing"],
    ["bogus", '"bogus" is no KEY=VALUE'],
  ])("%j is refused", (text, reason) => expect(() => CHANNELS.parse(text, [])).toThrow(reason));

  it("says what it asks for in vain, and where its socket will be", () => {
    expect(CHANNELS.remarks!("name=a,connection=pty,colour=red")).toEqual([
      "colour is no parameter of a channel; it is ignored",
      "there is no pty, for Node.js makes none without native code: xl console -n NUMBER reads and writes it, and of connection=socket,path=PATH “socat pty,link=TTY unix-connect:PATH” makes a pty",
    ]);
    const spec = CHANNELS.parse("name=a,connection=socket,path=run/a", []);
    expect(CHANNELS.within!(spec, "/home/x").sockets).toEqual(["/home/x/run/a"]);
  });
});
