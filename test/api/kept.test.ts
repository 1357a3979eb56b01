/** Domains that a host keeps, over the API: created, changed and stopped; with the host off; and with another host on the same folder. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ApiClient } from "../../core/api/client.ts";
import type { HostServiceOptions } from "../../core/api/host-options.ts";
import type { HostService } from "../../core/api/host-service.ts";
import type { KeptDomain } from "../../core/api/schema.ts";
import { builtHost } from "../built-host.ts";
import { bundledGuest } from "../dist.ts";
import { onConsole } from "../guests/on-console.ts";
import { temporaryFolder } from "../temporary.ts";
import { connectInMemory } from "./in-memory.ts";

const SLOW = { timeout: 60_000 };
const mini = readFileSync(bundledGuest);
const folder = temporaryFolder("kept");
const images = path.join(folder, "images");
const vmlinuz = path.join(folder, "mini.elf");
const image = path.join(images, "data.img");

let host: HostService;
/** A window, which may name no files, and the user's own command line. */
let client: ApiClient;
let own: ApiClient;

function makeHost(more: Partial<HostServiceOptions> = {}): void {
  host = builtHost({ libraryFolder: path.join(folder, "library"), imagesFolder: images, ...more });
  client = connectInMemory(host, false).client;
  own = connectInMemory(host, true).client;
}
async function restart(more: Partial<HostServiceOptions> = {}): Promise<void> {
  await host.powerOff(0);
  makeHost(more);
  await host.powerOn();
}
const configOf = (name: string, more = ""): string => `name = "${name}"\nkernel = "mini.elf"\nmemory = 16\n${more}`;
/** Creates a domain as a window does, with a file that it has sent. */
async function create(config: string): Promise<{ domid: number; uuid: string }> {
  const { file } = await client.request("fileBegin", { name: "mini.elf", size: mini.length });
  for (let at = 0; at < mini.length; at += 2 ** 20)
    await client.request("fileChunk", { file, offset: at, bytes: mini.subarray(at, at + 2 ** 20) });
  return client.request("create", { config, configName: "New domain", files: { "mini.elf": file } });
}
const kept = async (name: string): Promise<KeptDomain> =>
  (await client.request("keptDomains")).find((each) => each.name === name)!;
const states = async (): Promise<string[]> =>
  (await client.request("keptDomains")).map(({ name, state }) => `${name} ${state}`);
const gone = async (domid: number): Promise<void> => {
  await client.request("destroy", { domid });
  await expect.poll(async () => (await client.request("list")).some((each) => each.domid === domid), SLOW).toBe(false);
};

beforeAll(async () => {
  mkdirSync(images);
  writeFileSync(vmlinuz, mini);
  writeFileSync(image, Buffer.alloc(2 ** 20));
  makeHost();
  await host.powerOn();
});
afterAll(() => host.powerOff(0));

describe("domains that are kept", () => {
  it("are there when they stop, when the host is off, and for the next host, which starts them", async () => {
    const { domid, uuid } = await create(configOf("web", "vcpus = 2\n"));
    expect(await kept("web")).toMatchObject({
      uuid,
      domid,
      state: "running",
      memoryMiB: 16,
      vcpus: 2,
      autostart: false,
    });
    await gone(domid);
    expect(await kept("web")).toMatchObject({ state: "halted", domid: null });
    await host.powerOff(0);
    expect(await states()).toEqual(["web halted"]);
    await expect(client.request("keptStart", { uuid })).rejects.toMatchObject({ code: "EOFF" });
    makeHost();
    expect(await states()).toEqual(["web halted"]);
    await host.powerOn();
    expect((await client.request("list")).map(({ name }) => name)).toEqual(["Domain-0"]);
    const started = await client.request("keptStart", { uuid, paused: true });
    expect(started).toMatchObject({ name: "web", uuid });
    expect((await client.request("list")).at(-1)).toMatchObject({ uuid, name: "web", vcpus: 2, stateString: "--p---" });
    await expect(client.request("keptStart", { uuid })).rejects.toMatchObject({ code: "EEXIST" });
    await expect(client.request("keptStart", { uuid: crypto.randomUUID() })).rejects.toMatchObject({ code: "ESRCH" });
    await gone(started.domid);
  });

  it("of the same name are the same, changed; one that runs is not replaced", async () => {
    const before = await kept("web");
    const config = `name = "web"\nkernel = "${vmlinuz}"\nmemory = 32\n`;
    const made = await own.request("create", { config, configName: path.join(folder, "web.cfg") });
    expect(made.uuid).toBe(before.uuid);
    expect(await kept("web")).toMatchObject({ uuid: before.uuid, memoryMiB: 32, createdAt: before.createdAt });
    expect(await client.request("keptConfig", { uuid: made.uuid })).toEqual({
      config,
      configName: path.join(folder, "web.cfg"),
      files: [],
    });
    await expect(own.request("create", { config })).rejects.toMatchObject({ code: "EEXIST" });
    const other = `${config}uuid = "${crypto.randomUUID()}"\n`;
    await gone(made.domid);
    await expect(own.request("create", { config: other })).rejects.toThrow(
      /another domain named web .*leave the uuid out/,
    );
    expect(await states()).toEqual(["web halted"]);
  });

  it("have their new name and their new devices at the next start", async () => {
    const { uuid } = await kept("web");
    const { domid } = await own.request("keptStart", { uuid });
    await own.request("rename", { domid, name: "shop" });
    expect(await kept("shop")).toMatchObject({ uuid, state: "running" });
    await own.request("deviceAttach", { domid, key: "disk", spec: "data.img,raw,xvdb,rw", folder: images });
    expect(await kept("shop")).toMatchObject({ files: [image] });
    await gone(domid);
    const again = await client.request("keptStart", { uuid });
    const devices = (await client.request("list")).at(-1)!.config!.devices;
    expect(devices.map(({ back }) => back.params)).toEqual([`raw:${image}`]);
    await expect(client.request("diskRemove", { name: "data.img" })).rejects.toMatchObject({ code: "EBUSY" });
    await own.request("deviceDetach", { domid: again.domid, key: "disk", device: "xvdb", force: true });
    expect(await kept("shop")).toMatchObject({ files: [] });
    // The configuration for the next start.
    await own.request("updateConfig", {
      domid: again.domid,
      config: `name = "shop"\nkernel = "${vmlinuz}"\nmemory = 24\n`,
    });
    expect(await kept("shop")).toMatchObject({ memoryMiB: 24 });
    await gone(again.domid);
    await client.request("keptRename", { uuid, name: "web" });
    expect(await states()).toEqual(["web halted"]);
  });

  it("are edited, by a window only with files that it may name or that they had", async () => {
    const { uuid } = await kept("web");
    const text = `name = "web"\nkernel = "${vmlinuz}"\nmemory = 16\n`;
    const edit = (config: string): Promise<unknown> => client.request("keptEdit", { uuid, config });
    await edit(text);
    await expect(edit(text.replace(vmlinuz, "/etc/passwd"))).rejects.toMatchObject({ code: "EACCES" });
    const disk = (spec: string): string => `${text}disk = [ "${spec}" ]\n`;
    await expect(edit(disk("/etc/passwd,raw,xvda,r"))).rejects.toMatchObject({ code: "EACCES" });
    await edit(disk(`${image},raw,xvda,rw`));
    // With a boot loader, a kernel is no file of this computer, so nobody has allowed the path that stands there.
    const secret = disk(`${image},raw,xvda,rw`).replace(vmlinuz, "/etc/passwd");
    await edit(`${secret}bootloader = "pygrub"\n`);
    await expect(edit(secret)).rejects.toMatchObject({ code: "EACCES" });
    await own.request("keptEdit", { uuid, config: disk(`${vmlinuz},raw,xvda,ro`) });
    await edit(`${disk(`${vmlinuz},raw,xvda,ro`)}vcpus = 2\n`);
    await expect(edit(disk(`${vmlinuz},raw,xvda,rw`))).rejects.toMatchObject({ code: "EACCES" });
    await expect(edit("vcpus = many")).rejects.toMatchObject({
      code: "EINVAL",
      diagnostics: expect.any(Array) as object,
    });
    expect(await kept("web")).toMatchObject({ vcpus: 2, files: [vmlinuz] });
    const { domid } = await client.request("keptStart", { uuid });
    await expect(edit(text.replace("web", "other"))).rejects.toThrow(/web runs: rename it/);
    await edit(text);
    await gone(domid);
    expect(await kept("web")).toMatchObject({ vcpus: 1 });
  });

  it("start with the host when they are to, saved ones where they were; templates never run", async () => {
    const { domid, uuid } = await create(configOf("second"));
    const { says } = onConsole(() => host);
    await says(domid, /mini> /);
    await client.request("keptSettings", { uuid, autostart: true });
    await client.request("keptSettings", { uuid: (await kept("web")).uuid, autostart: true });
    await restart();
    expect(await states()).toEqual(["web running", "second running"]);
    const web = await kept("web");
    await gone(web.domid!);
    const second = await kept("second");
    await says(second.domid!, /mini> /);
    expect(await client.request("saveAll")).toEqual({ failed: [] });
    expect(await states()).toEqual(["web halted", "second saved"]);
    await expect(create(configOf("second"))).rejects.toThrow(/second is saved: restore it, or discard/);
    await expect(client.request("keptEdit", { uuid, config: configOf("second") })).rejects.toMatchObject({
      code: "EBUSY",
    });
    await client.request("keptRename", { uuid, name: "third" });
    await client.request("keptSettings", { uuid: web.uuid, template: true });
    await restart();
    expect(await states()).toEqual(["web halted", "third running"]);
    expect(await kept("web")).toMatchObject({ template: true, autostart: false });
    expect((await client.request("list")).map(({ name }) => name)).toEqual(["Domain-0", "third"]);
    await expect(client.request("keptStart", { uuid: web.uuid })).rejects.toThrow(/web is a template/);
    await expect(client.request("keptSettings", { uuid, template: true })).rejects.toMatchObject({ code: "EBUSY" });
    await client.request("keptSettings", { uuid, autostart: false });
  });

  it("go to the bin when they are deleted, and come back from there", async () => {
    const third = await kept("third");
    await expect(client.request("keptDelete", { uuid: third.uuid })).rejects.toThrow(/third runs/);
    await gone(third.domid!);
    await client.request("keptDelete", { uuid: third.uuid });
    expect(await states()).toEqual(["web halted"]);
    const [entry] = await client.request("binList");
    expect(entry).toMatchObject({ uuid: third.uuid, name: "third" });
    expect(entry!.bytes).toBeGreaterThan(mini.length);
    expect(await client.request("binRestore", { id: entry!.id })).toMatchObject({ name: "third", state: "halted" });
    const { domid } = await client.request("keptStart", { uuid: third.uuid });
    await gone(domid);
    await client.request("keptDelete", { uuid: third.uuid });
    await client.request("binPurge", {});
    expect(await client.request("binList")).toEqual([]);
  });

  it("are those of the boot menu's list too, each once, and the first guest only where there is no other", async () => {
    const file = path.join(folder, "auto.cfg");
    writeFileSync(file, `name = "auto"\nkernel = "mini.elf"\nmemory = 16\n`);
    const boot = {
      entries: [{ title: "Xenarium", cmdline: "" }],
      defaultEntry: 0,
      autostart: [file, "/nowhere/a.cfg"],
    };
    const notices: string[] = [];
    await host.powerOff(0);
    makeHost({ boot, firstGuest: true });
    host.on("notice", ({ message }) => notices.push(message));
    await host.powerOn();
    await expect.poll(states, SLOW).toEqual(["web halted", "auto running"]);
    expect(notices.join()).toContain("/nowhere/a.cfg");
    const { uuid } = await kept("auto");
    await restart({ boot });
    await expect.poll(() => kept("auto"), SLOW).toMatchObject({ uuid, state: "running" });
    for (const each of await client.request("list")) if (each.domid !== 0) await gone(each.domid);
    for (const each of await client.request("keptDomains")) await client.request("keptDelete", { uuid: each.uuid });
    await restart({ firstGuest: true });
    await expect.poll(states, SLOW).toEqual(["mini-1 running"]);
    const first = await kept("mini-1");
    await restart({ firstGuest: true });
    expect(await client.request("keptDomains")).toMatchObject([{ uuid: first.uuid, state: "running" }]);
  });
});
