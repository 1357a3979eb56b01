/** A running Linux goes on in copies. Each has the memory of that moment, and a disk, a name and addresses of its own. */
import { existsSync, readdirSync, truncateSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { ApiClient } from "../../../core/api/client.ts";
import { forkNames } from "../../../core/api/fork-names.ts";
import type { HostService } from "../../../core/api/host-service.ts";
import { fork } from "../../../core/cli/fork.ts";
import { builtHost } from "../../built-host.ts";
import { connectInMemory } from "../../api/in-memory.ts";
import { debianKernel, guestsMissing, initramfs, kernelModules } from "../../guests/images.ts";
import { onConsole } from "../../guests/on-console.ts";
import { temporaryFolder } from "../../temporary.ts";

const missing = guestsMissing();
const SLOW = { timeout: 120_000, interval: 100 };

describe("names of copies", () => {
  it("are free, and those of copies' copies are not longer", () => {
    expect(forkNames("web", 3, ["web", "web-fork-2"])).toEqual(["web-fork-1", "web-fork-3", "web-fork-4"]);
    expect(forkNames("web-fork-1", 1, ["web-fork-1"])).toEqual(["web-fork-2"]);
    const [long] = forkNames("ü".repeat(512), 1, []);
    expect(Buffer.byteLength(long!)).toBeLessThanOrEqual(1024);
    expect(long).toMatch(/^ü+-fork-1$/);
  });
});

describe.skipIf(missing !== null)(`a fork${missing ? ` (${missing})` : ""}`, { timeout: 300_000 }, () => {
  const folder = temporaryFolder("fork");
  const image = path.join(folder, "data.img");
  let host: HostService;
  let client: ApiClient;
  let domid: number;
  let uuid: string;

  const { shown } = onConsole(() => host);
  let commands = 0;
  /** Returns what the shell answers. */
  const shell = async (of: number, command: string): Promise<string> => {
    const mark = `m${++commands}`;
    await host.toolstack.request("consoleInput", {
      domid: of,
      bytes: Buffer.from(`echo ${mark}-$(${command})-end\n`),
    });
    const answer = new RegExp(`^${mark}-(.*)-end`, "m");
    await expect.poll(() => shown(of), SLOW).toMatch(answer);
    return answer.exec(await shown(of))![1]!;
  };
  const write = (of: number, text: string) =>
    shell(of, `printf %-4096s ${text} | dd of=/dev/xvda bs=4096 seek=9 conv=notrunc,fsync 2>/dev/null; echo ok`);
  const read = (of: number) =>
    shell(of, `echo 3 > /proc/sys/vm/drop_caches; dd if=/dev/xvda bs=4096 skip=9 count=1 2>/dev/null | tr -d " "`);
  const runs = async () => (await client.request("list")).filter((each) => each.domid !== 0);
  const end = async (of: { uuid: string; domid: number }[]): Promise<void> => {
    for (const each of of) await client.request("destroy", { domid: each.domid });
    await vi.waitUntil(async () => !(await runs()).some((each) => of.some((one) => one.domid === each.domid)), SLOW);
    for (const each of of) await client.request("keptDelete", { uuid: each.uuid });
  };

  beforeAll(async () => {
    writeFileSync(image, "");
    truncateSync(image, 64 << 20);
    host = builtHost({ memoryMiB: 768, pcpus: 2, libraryFolder: path.join(folder, "library") });
    await host.powerOn();
    client = connectInMemory(host, true).client;
    const config = [
      `name = "web"`,
      `kernel = "${debianKernel()}"`,
      `ramdisk = "${initramfs("shell", undefined, {}, kernelModules("xen-blkfront", "xen-netfront"))}"`,
      `cmdline = "console=hvc0 no_console_suspend quiet"`,
      `memory = 128`,
      `disk = ["data.img,raw,xvda,rw"]`,
      `vif = ["mac=00:16:3e:11:22:33"]`,
    ].join("\n");
    ({ domid, uuid } = await client.request("create", { config, configName: path.join(folder, "web.cfg") }));
  });
  afterAll(() => host.powerOff(0));

  it("has each go on where the domain was, on disks of their own, and the domain itself too", async () => {
    await expect.poll(() => shown(domid), SLOW).toMatch(/GUEST-READY[\s\S]*# /);
    await host.toolstack.request("consoleInput", { domid, bytes: Buffer.from("X=then\n") });
    expect(await write(domid, "one")).toBe("ok");
    const began = performance.now();
    const { copies, snapshot, stood } = await client.request("domainFork", { uuid, copies: 2 });
    const took = performance.now() - began;
    console.log(`128 MiB, 2 copies: ${Math.round(took)} ms; it stood still for ${Math.round(stood)} ms`);
    expect(copies.map(({ name }) => name)).toEqual(["web-fork-1", "web-fork-2"]);
    expect(snapshot).not.toBeNull();
    const all = [domid, ...copies.map((each) => each.domid)];
    expect(new Set(all).size).toBe(3);
    for (const each of all) expect(await shell(each, "echo $X")).toBe("then");
    for (const [i, each] of all.entries()) expect(await write(each, `own${i}`)).toBe("ok");
    for (const [i, each] of all.entries()) expect(await read(each)).toBe(`own${i}`);
    const domains = await runs();
    const macs = domains.map(({ config }) => config!.devices.find(({ kind }) => kind === "vif")!.front.mac);
    expect(new Set(macs).size).toBe(3);
    // The copies are made at the same time, so either may be the older one.
    const kept = (await client.request("keptDomains")).map(({ name, state }) => [name, state]);
    expect(kept.sort(([a], [b]) => (a! < b! ? -1 : 1))).toEqual([
      ["web", "running"],
      ["web-fork-1", "running"],
      ["web-fork-2", "running"],
    ]);
    await expect(client.request("snapshotDelete", { uuid, snapshot: snapshot! })).rejects.toThrow("web-fork-1");
    await end(copies);
    await client.request("binPurge", {});
    await client.request("snapshotDelete", { uuid, snapshot: snapshot! });
    await client.request("snapshotPurge", { uuid });
    expect(await read(domid)).toBe("own0");
    expect(readdirSync(folder).filter((name) => name.endsWith(".qcow2"))).toEqual([]);
  });

  it("of a fork's copy is one as any, by the command line too", async () => {
    let text = "";
    const write = process.stdout.write.bind(process.stdout);
    process.stdout.write = ((piece: string) => (text += piece)) as never;
    try {
      expect(await fork(["web"], async () => client)).toBe(0);
    } finally {
      process.stdout.write = write;
    }
    const [, name, id] = /^(\S+) {2}(\d+)\n$/.exec(text)!;
    expect(name).toBe("web-fork-1");
    const first = (await runs()).find((each) => each.domid === Number(id))!;
    const again = await client.request("domainFork", { uuid: first.uuid, copies: 1 });
    expect(again.copies[0]!.name).toBe("web-fork-2");
    expect(await shell(again.copies[0]!.domid, "echo $X")).toBe("then");
    // A disk that others are based on is deleted last.
    await end(again.copies);
    await client.request("binPurge", {});
    await end([first]);
    await client.request("binPurge", {});
  });

  it("is refused whole where there is no room, or one copy can't be made: nothing of it is left, and the domain goes on", async () => {
    const before = [readdirSync(folder), readdirSync(path.join(folder, "library/domains"))];
    await expect(client.request("domainFork", { uuid, copies: 9 })).rejects.toMatchObject({
      code: "ENOMEM",
      message: expect.stringMatching(/^9 copies of web want 1152 MiB .* Make fewer/) as string,
    });
    const { toolstack } = host;
    const request = toolstack.request.bind(toolstack);
    let copies = 0;
    toolstack.request = ((name: "heldContinue", args: never) =>
      name === "heldContinue" && ++copies === 2
        ? Promise.reject(new Error("the second is not to be"))
        : request(name, args)) as never;
    try {
      await expect(client.request("domainFork", { uuid, copies: 2 })).rejects.toThrow("the second is not to be");
    } finally {
      toolstack.request = request;
    }
    expect((await runs()).map(({ name }) => name)).toEqual(["web"]);
    expect([readdirSync(folder), readdirSync(path.join(folder, "library/domains"))]).toEqual(before);
    expect(await client.request("binList")).toEqual([]);
    expect((await client.request("snapshots", { uuid }))!.snapshots.map(({ name }) => name)).not.toContain("Fork 2");
    expect(await shell(domid, "echo $X")).toBe("then");
    expect(existsSync(image)).toBe(true);
  });

  it("is refused of a domain that does not run, in a sentence", async () => {
    await client.request("destroy", { domid });
    await vi.waitUntil(async () => (await runs()).length === 0, SLOW);
    await expect(client.request("domainFork", { uuid, copies: 1 })).rejects.toThrow("does not run");
  });
});
