/**
 * Disk images and networks through the API of a window: what it may name, images sent in pieces, and networks that outlive the host's power cycles.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { HostService } from "../../core/api/host-service.ts";
import { Session } from "../../core/api/session.ts";
import type { ServerMessage } from "../../core/api/schema.ts";
import { builtHost } from "../built-host.ts";
import { temporaryFolder } from "../temporary.ts";

const folder = temporaryFolder("api-disks");
const images = path.join(folder, "state/images");
let host: HostService;

function service(): HostService {
  const state = path.join(folder, "state");
  return builtHost({
    imagesFolder: images,
    capturesFolder: path.join(state, "captures"),
    scratchFolder: path.join(state, "scratch"),
    networksFile: path.join(state, "networks.json"),
  });
}

/** A window's session. It may name only files that it was given or that the user chose. */
function openWindow(of = host): { ask: (request: string, args: object) => Promise<unknown>; session: Session } {
  const waiting = new Map<number, (message: ServerMessage) => void>();
  const session = new Session(of, {
    send: (message) => "id" in message && waiting.get(message.id)?.(message),
    backlog: 0,
    end: () => {},
    mayNameFiles: false,
  });
  let id = 0;
  const ask = (request: string, args: object): Promise<unknown> =>
    new Promise((resolve, reject) => {
      waiting.set(++id, (message) => {
        if ("error" in message) reject(Object.assign(new Error(message.error.message), message.error));
        else resolve((message as { result: unknown }).result);
      });
      void session.receive({ id, request, args });
    });
  return { ask, session };
}
const fails = (work: Promise<unknown>, code: string, words: RegExp): Promise<void> =>
  expect(work).rejects.toMatchObject({ code, message: expect.stringMatching(words) as string });

beforeAll(async () => {
  host = service();
  await host.powerOn();
});
afterAll(() => host.powerOff(0));

describe("a window's disk images", () => {
  it("come in pieces, in order, and are whole or not there; holes take no room", async () => {
    const { ask, session } = openWindow();
    const content = Buffer.concat([Buffer.alloc(1 << 20, "a"), Buffer.alloc(1 << 20), Buffer.alloc(777, "b")]);
    const { intake } = (await ask("diskBegin", { name: "../../My disk.img", size: content.length })) as {
      intake: string;
    };
    const piece = (at: number): object => ({
      intake,
      offset: at,
      bytes: new Uint8Array(content.subarray(at, at + (1 << 20))),
    });
    await ask("diskChunk", piece(0));
    await fails(ask("diskEnd", { intake }), "EINVAL", /has 1048576 of its 2097929 bytes yet/);
    await ask("diskDrop", { intake }).catch(() => {});
    expect(readdirSync(images)).toEqual([]);

    const second = (await ask("diskBegin", { name: "../../My disk.img", size: content.length })) as { intake: string };
    for (let at = 0; at < content.length; at += 1 << 20)
      await ask("diskChunk", { ...piece(at), intake: second.intake });
    const { path: file } = (await ask("diskEnd", second)) as { path: string };
    expect(file).toBe(path.join(images, "My-disk.img"));
    expect(readFileSync(file).equals(content)).toBe(true);
    expect(statSync(file).blocks * 512).toBeLessThan(1.5 * 2 ** 20);
    expect(await ask("diskImages", {})).toMatchObject([{ name: "My-disk.img", bytes: content.length }]);

    const third = (await ask("diskBegin", { name: "My disk.img", size: 10 })) as { intake: string };
    await fails(ask("diskChunk", { ...third, offset: 1, bytes: new Uint8Array(1) }), "EINVAL", /begin at 0/);
    await fails(ask("diskChunk", { ...third, offset: 0, bytes: new Uint8Array(1) }), "ENOENT", /no file/);
    const fourth = (await ask("diskBegin", { name: "My disk.img", size: 10 })) as { intake: string };
    expect(readdirSync(images)).toHaveLength(2);
    session.end();
    await expect.poll(() => readdirSync(images)).toEqual(["My-disk.img"]);
    const after = openWindow();
    await fails(after.ask("diskEnd", fourth), "ENOENT", /no file/);
    await fails(after.ask("diskRemove", { name: "../networks.json" }), "ENOENT", /no disk image/);
    await after.ask("diskRemove", { name: "My-disk.img" });
    await after.ask("imagePurge", {});
    expect(readdirSync(images)).toEqual([]);
  });

  it("end with the task that shows them", async () => {
    const { ask } = openWindow();
    const { intake } = (await ask("diskBegin", { name: "big.img", size: 2 ** 40 })) as { intake: string };
    await ask("diskChunk", { intake, offset: 0, bytes: new Uint8Array(5) });
    const task = host.journal.entries.findLast(({ title }) => title === "Take the disk image big.img")!;
    await ask("taskCancel", { id: task.id });
    await fails(ask("diskChunk", { intake, offset: 5, bytes: new Uint8Array(5) }), "ECANCELED", /cancelled/);
    await expect.poll(() => readdirSync(images)).toEqual([]);
    // This holds between two pieces too: it has ended, and takes up no place.
    for (let i = 0; i < 9; i++) {
      const next = (await ask("diskBegin", { name: `${i}.img`, size: 2 ** 30 })) as { intake: string };
      const { id } = host.journal.entries.findLast(({ title }) => title === `Take the disk image ${i}.img`)!;
      await ask("taskCancel", { id });
      await expect.poll(() => host.journal.entries.find((each) => each.id === id)!.state).toBe("cancelled");
      await fails(ask("diskEnd", { intake: next.intake }), "ECANCELED", /cancelled/);
    }
    expect(host.journal.entries.filter(({ state }) => state === "running")).toEqual([]);
    await expect.poll(() => readdirSync(images)).toEqual([]);
  });

  it("are named only where the window's user has chosen them, or the host keeps them", async () => {
    const { ask, session } = openWindow();
    const own = path.join(folder, "own.img");
    writeFileSync(own, Buffer.alloc(1 << 20));
    const disk = (target: string): object => ({
      config: `name = "d"\nkernel = "k"\nmemory = 8\ndisk = ["${target},raw,xvda,rw"]\n`,
    });
    for (const target of [own, "/etc/passwd", `${images}/../networks.json`, "own.img"]) {
      await fails(ask("create", disk(target)), "EACCES", /may not name/);
      await fails(ask("inspectDisk", { path: target }), "EACCES", /may not name/);
    }
    await fails(
      ask("deviceAttach", { domid: 1, key: "disk", spec: "passwd,raw,xvdb,r", folder: "/etc" }),
      "EACCES",
      /may not name \/etc\/passwd/,
    );
    const share = (shared: string): object => ({
      config: `name = "d"\nkernel = "k"\nmemory = 8\np9 = ["tag=t,security_model=none,path=${shared}"]\n`,
    });
    for (const shared of [folder, "/home", images, `${images}/inside`, "relative"]) {
      await fails(ask("create", share(shared)), "EACCES", /may not share/);
      const spec = `tag=t,security_model=none,path=${shared}`;
      await fails(ask("deviceAttach", { domid: 1, key: "p9", spec, folder: "/" }), "EACCES", /may not share/);
    }
    const socket = `name=a,connection=socket,path=${path.join(images, "x")}`;
    await fails(ask("deviceAttach", { domid: 1, key: "channel", spec: socket, folder: "/" }), "EACCES", /may not make/);
    session.grant(path.join(folder, "chosen"));
    await fails(ask("create", share(path.join(folder, "chosen"))), "EACCES", /k was not given/);
    await fails(ask("create", share(path.join(folder, "chosen/.."))), "EACCES", /may not share/);
    await fails(ask("networkCapture", { network: "xenbr0", port: null, file: own }), "EACCES", /may name no file/);
    session.grant(own);
    expect(await ask("inspectDisk", { path: own })).toMatchObject({
      format: "raw",
      size: 1 << 20,
      parts: [],
      boot: null,
    });
    // Nothing is known here of another window's user.
    await fails(openWindow().ask("inspectDisk", { path: own }), "EACCES", /may not name/);
    await fails(ask("create", disk(own)), "EACCES", /k was not given/);
  });
});

describe("networks", () => {
  it("are there again after the host was off, with their ports; one that is taken is told of and waits", async () => {
    const { ask } = openWindow();
    await ask("networkCreate", { name: "lab0", mode: "isolated", ipv4: "10.9.0.0/24" });
    await ask("networkMode", { name: "xenbr0", mode: "isolated" });
    const forward = {
      protocol: "tcp",
      hostAddress: "127.0.0.1",
      hostPort: 0,
      guestAddress: "10.9.0.15",
      guestPort: 22,
    };
    const made = (await ask("networkForward", { network: "lab0", forward })) as { hostPort: number };
    await ask("networkService", { network: "lab0", port: 8000, hostPort: 8001 });
    const file = path.join(folder, "state/networks.json");
    const kept = readFileSync(file, "utf8");
    await host.powerOff(0);

    const other = createServer();
    await new Promise<void>((resolve) => other.listen(made.hostPort, "127.0.0.1", resolve));
    expect((other.address() as AddressInfo).port).toBe(made.hostPort);
    // This is what happens after a restart of the application.
    const notices: string[] = [];
    host = service();
    host.on("notice", ({ message }) => notices.push(message));
    await host.powerOn();
    const again = openWindow();
    const report = async (): Promise<Record<string, unknown>[]> =>
      (await again.ask("networkList", {})) as Record<string, unknown>[];
    expect(await report()).toMatchObject([
      { name: "xenbr0", mode: "isolated", ipv4: "10.0.2.0/24" },
      {
        name: "lab0",
        mode: "isolated",
        ipv4: "10.9.0.0/24",
        gateway: { forwards: [], services: [{ port: 8000, hostPort: 8001 }] },
        waiting: [
          {
            forward: { ...forward, hostPort: made.hostPort },
            problem: expect.stringContaining("something else listens there") as string,
          },
        ],
      },
    ]);
    expect(notices).toEqual([expect.stringContaining(`Port ${made.hostPort} of 127.0.0.1 can't be forwarded`)]);
    // A pending change is not forgotten when something else changes.
    await again.ask("networkMode", { name: "xenbr0", mode: "nat" });
    expect(JSON.parse(readFileSync(file, "utf8"))).toEqual(
      (JSON.parse(kept) as { name: string; mode: string }[]).map((each) =>
        each.name === "xenbr0" ? { ...each, mode: "nat" } : each,
      ),
    );
    await new Promise((resolve) => other.close(resolve));
    await again.ask("networkForward", { network: "lab0", forward: { ...forward, hostPort: made.hostPort } });
    expect((await report())[1]).toMatchObject({ gateway: { forwards: [{ hostPort: made.hostPort }] }, waiting: [] });
    await fails(again.ask("networkMode", { name: "none", mode: "nat" }), "EINVAL", /There is no bridge none/);
    await again.ask("networkRemove", { name: "lab0" });
    expect((JSON.parse(readFileSync(file, "utf8")) as { name: string }[]).map(({ name }) => name)).toEqual(["xenbr0"]);
  });

  it("that somebody spoiled are put aside with a sentence", async () => {
    const file = path.join(folder, "state/networks.json");
    await host.powerOff(0);
    writeFileSync(file, '[{"name":"xenbr0","mode":"everywhere"}]');
    host = service();
    expect(host.notices.map(({ message }) => message)).toEqual([expect.stringContaining("it is spoiled")]);
    expect(existsSync(file)).toBe(false);
    await host.powerOn();
  });

  it("are captured into files that the host keeps and gives in pieces", async () => {
    const { ask } = openWindow();
    const { file } = (await ask("networkCapture", { network: "xenbr0", port: null })) as { file: string };
    expect(path.dirname(file)).toBe(path.join(folder, "state/captures"));
    const name = path.basename(file);
    await fails(ask("captureRemove", { name }), "EBUSY", /stop that first/);
    await ask("networkCaptureEnd", { file });
    const { bytes } = (await ask("captureRead", { name, offset: 0 })) as { bytes: Uint8Array };
    expect(Buffer.from(bytes).readUInt32LE(0)).toBe(0xa1b23c4d);
    expect(((await ask("captureRead", { name, offset: bytes.length })) as { bytes: Uint8Array }).bytes.length).toBe(0);
    for (const climbing of ["../networks.json", "/etc/passwd", `../${name}`])
      await fails(ask("captureRead", { name: climbing, offset: 0 }), "ENOENT", /no capture/);
    await ask("captureRemove", { name });
    expect(await ask("captures", {})).toEqual([]);
    await fails(ask("captureRead", { name, offset: 0 }), "ENOENT", /no capture/);
    const [{ id }] = (await ask("captureBin", {})) as [{ id: string }];
    expect(await ask("captureRestore", { id })).toEqual({ path: file });
    expect(await ask("captureRead", { name, offset: 0 })).toEqual({ bytes });
    await ask("captureRemove", { name });
    await ask("capturePurge", {});
    expect(await ask("captureBin", {})).toEqual([]);
    expect(readdirSync(path.dirname(file))).toEqual([]);
  });
});

describe("a window's files for the shared folders of a domain", () => {
  it("are whole there or not at all, whatever becomes of the window and the host; a read-only folder takes those of its user", async () => {
    const [write, read] = ["write", "read"].map((name) => path.join(folder, name)) as [string, string];
    for (const each of [write, read]) mkdirSync(each);
    const guest = await host.bundled(1);
    const p9 = `p9 = [ "tag=w,security_model=none,path=${write}", "tag=r,security_model=none,path=${read},access=ro" ]\n`;
    const { domid } = await host.kept.create({ config: `${guest.config}${p9}`, files: guest.files });
    const one = openWindow();
    const begin = async (ask: typeof one.ask, device: string, name: string, size: number, more = {}): Promise<string> =>
      ((await ask("sharedFileBegin", { domid, device, name, size, ...more })) as { intake: string }).intake;
    const piece = { offset: 0, bytes: Uint8Array.from(Buffer.from("a note")) };
    const whole = await begin(one.ask, "0", "note", 6);
    await one.ask("sharedFileChunk", { intake: whole, ...piece });
    await one.ask("sharedFileEnd", { intake: whole });
    expect(readFileSync(path.join(write, "note"), "utf8")).toBe("a note");
    await fails(begin(one.ask, "0", "note", 6), "EEXIST", /^There is a note in w already\.$/);
    await fails(begin(one.ask, "0", "../note", 6, { replaces: true }), "EINVAL", /can't be put into w/);
    await fails(begin(one.ask, "2", "note", 6), "ESRCH", /shares no folder 2/);
    await fails(
      begin(one.ask, "1", "note", 6),
      "EACCES",
      /r is read-only for mini-\d+.* copy the file into \S*read yourself/,
    );
    one.session.grant(read);
    const granted = await begin(one.ask, "1", "note", 6);
    await one.ask("sharedFileChunk", { intake: granted, ...piece });
    await one.ask("sharedFileEnd", { intake: granted });
    expect(readdirSync(read)).toEqual(["note"]);
    // One that ends in the middle, and one that is under way when the host goes off.
    const two = openWindow();
    await two.ask("sharedFileChunk", { intake: await begin(two.ask, "0", "left", 12), ...piece });
    expect(readdirSync(write)).toHaveLength(2);
    two.session.end();
    await expect.poll(() => readdirSync(write)).toEqual(["note"]);
    await one.ask("sharedFileChunk", { intake: await begin(one.ask, "0", "off", 12), ...piece });
    await host.powerOff(1000);
    expect(readdirSync(write)).toEqual(["note"]);
    await host.powerOn();
  });
});
