/** Console logs in files outlive the host, and are bounded whatever a guest writes and whatever its name is. */
import * as fs from "node:fs";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ConsoleLogFiles, logFileName } from "../../../../core/dom0/backends/console/log-files.ts";
import { DEVICE_KINDS } from "../../../../core/dom0/backends/kinds.ts";
import { temporaryFolder } from "../../../temporary.ts";
import { pvElf } from "../../elf-files.ts";
import { fakeHost } from "../../xenbus/host.ts";

let folder: string;
let trouble: string[];
beforeEach(() => {
  folder = path.join(temporaryFolder("logs"), "consoles");
  trouble = [];
});
afterEach(() => expect(trouble).toEqual([]));
const read = (name: string): string => fs.readFileSync(path.join(folder, name), "latin1");

describe("console logs in files", () => {
  it("go on where they were, are put aside when they are full, and are the user's alone", async () => {
    const limits = { fileBytes: 1000, waitingBytes: 5000, files: 256 };
    for (let host = 0; host < 3; host++) {
      const files = new ConsoleLogFiles(folder, (message) => trouble.push(message), limits);
      for (let line = 0; line < 40; line++) files.append("web", Buffer.from(`host ${host} line ${line}\n`));
      await files.written();
    }
    const all = [0, 1, 2]
      .flatMap((host) => Array.from({ length: 40 }, (_, line) => `host ${host} line ${line}\n`))
      .join("");
    const kept = read("guest-web.log.1") + read("guest-web.log");
    expect(all.endsWith(kept)).toBe(true);
    expect(read("guest-web.log.1").length).toBe(1000);
    expect(kept.length).toBeGreaterThan(1000);
    expect(fs.statSync(path.join(folder, "guest-web.log")).mode & 0o777).toBe(0o600);
    expect(fs.statSync(folder).mode & 0o777).toBe(0o700);
  });

  it("leave out what comes faster than the disk takes it, and say so", async () => {
    const limits = { fileBytes: 1 << 20, waitingBytes: 2000, files: 256 };
    const files = new ConsoleLogFiles(folder, (message) => trouble.push(message), limits);
    for (let i = 0; i < 1000; i++) files.append("noisy", Buffer.alloc(100, 0x78));
    await files.written();
    const log = read("guest-noisy.log");
    const lost = Number(/\[(\d+) bytes are left out here/.exec(log)![1]);
    expect(log.replace(/[^x]/g, "").length + lost).toBe(100_000);
    expect(lost).toBeGreaterThan(90_000);
  });

  it("have names of their own, whatever a domain is called, and go when there are too many", async () => {
    const names = ["../../etc/passwd", "con", "a b", "A%", "ä", "x".repeat(300), ".", ".."];
    const given = names.map(logFileName);
    expect(new Set(given).size).toBe(names.length);
    for (const name of given) expect(name).toMatch(/^guest-[A-Za-z0-9_.%-]{1,240}\.log$/);
    const files = new ConsoleLogFiles(folder, (message) => trouble.push(message), {
      fileBytes: 100,
      waitingBytes: 100,
      files: 5,
    });
    for (const [i, name] of names.entries()) {
      files.append(name, Buffer.from("x"));
      await files.written();
      fs.utimesSync(path.join(folder, logFileName(name)), i, i);
    }
    expect(fs.readdirSync(folder).sort()).toEqual(given.slice(-5).sort());
    expect(fs.readdirSync(path.dirname(folder))).toEqual(["consoles"]);
  });

  it("follow no link and wait for no pipe; trouble is told of once, and they go on after it", async () => {
    const files = new ConsoleLogFiles(folder, (message) => trouble.push(message));
    fs.mkdirSync(folder);
    const victim = path.join(folder, "../victim");
    fs.writeFileSync(victim, "");
    fs.symlinkSync(victim, path.join(folder, "guest-web.log"));
    for (let i = 0; i < 3; i++) {
      files.append("web", Buffer.from("x"));
      await files.written();
    }
    expect(trouble.splice(0)).toEqual([expect.stringContaining("The consoles' logs can't be written")]);
    expect(fs.readFileSync(victim, "utf8")).toBe("");
    fs.rmSync(path.join(folder, "guest-web.log"));
    files.append("web", Buffer.from("again"));
    await files.written();
    expect(read("guest-web.log")).toBe("again");
  });

  it("are written by dom0 of what a domain writes, under the name that it has", async () => {
    const host = fakeHost(DEVICE_KINDS, { consoleFolder: folder });
    const config = `name = "tiny"\nkernel = "k"\nmemory = 4\n`;
    const { domid } = (await host.service.handle("create", { config, files: { k: pvElf() } })) as { domid: number };
    const console = host.xen.domains.get(domid)!;
    const ring = Number(host.store.read(`/local/domain/${domid}/console/ring-ref`)) * 4096;
    const port = Number(host.store.read(`/local/domain/${domid}/console/port`));
    expect(console.frames.has(ring / 4096)).toBe(true);
    const write = (text: string): void => {
      const producer = host.xen.view.getUint32(ring + 3084, true);
      [...Buffer.from(text)].forEach((byte, i) => host.xen.view.setUint8(ring + 1024 + producer + i, byte));
      host.xen.view.setUint32(ring + 3084, producer + text.length, true);
      host.xen.guestNotify(domid, port);
    };
    write("hello\n");
    await expect
      .poll(() => fs.existsSync(path.join(folder, "guest-tiny.log")) && read("guest-tiny.log"))
      .toBe("hello\n");
    await host.service.handle("rename", { domid, name: "other" });
    write("renamed\n");
    await expect
      .poll(() => fs.existsSync(path.join(folder, "guest-other.log")) && read("guest-other.log"))
      .toBe("renamed\n");
    await host.service.handle("destroy", { domid });
    expect(read("guest-tiny.log")).toBe("hello\n");
    host.events.stop();
  });
});
