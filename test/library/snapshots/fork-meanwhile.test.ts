/**
 * Forks of Xenarium's own small guest while something else is done with it, with its copies or with the host, and forks of domains with something
 * that only one domain can have.
 */
import { readdirSync, truncateSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { ApiClient } from "../../../core/api/client.ts";
import type { HostService } from "../../../core/api/host-service.ts";
import { apart } from "../../../core/library/apart.ts";
import { builtHost } from "../../built-host.ts";
import { bundledGuest } from "../../dist.ts";
import { connectInMemory } from "../../api/in-memory.ts";
import { onConsole } from "../../guests/on-console.ts";
import { temporaryFolder } from "../../temporary.ts";

const SLOW = { timeout: 60_000, interval: 50 };

describe("what only one of two domains can have", () => {
  it("is another's in a copy: no MAC address, and sockets beside those that were", () => {
    const config = [
      `name = "web"`,
      `vif = [ "MAC=00:16:3e:11:22:33, bridge=xenbr0", "bridge=xenbr0,mac=00:16:3e:11:22:34", "" ]`,
      `channel = [ "connection=socket, path = /run/a.sock ,name=a", 'connection=pty,name=b' ]`,
    ].join("\n");
    const copy = apart(config, "web-fork-1");
    expect(copy.split("\n")).toEqual([
      `name = "web"`,
      `vif = [ " bridge=xenbr0", "bridge=xenbr0", "" ]`,
      `channel = [ "connection=socket,path=/run/a.sock.web-fork-1,name=a", 'connection=pty,name=b' ]`,
    ]);
    const again = apart(copy.replace(`name = "web"`, `name = "web-fork-1"`), "web-fork-2");
    expect(again).toContain("path=/run/a.sock.web-fork-2,");
  });

  it("is another's in each copy, however long the names are and whatever script they are in", () => {
    const socketOf = (name: string): string => {
      const copy = apart(`name = "web"\nchannel = [ "connection=socket,path=/run/a.sock,name=a" ]`, name);
      return /path=([^,]*)/.exec(copy)![1]!;
    };
    for (const [one, other] of [
      [`${"x".repeat(60)}-fork-1`, `${"x".repeat(60)}-fork-2`],
      [`a${"x".repeat(60)}`, `b${"x".repeat(60)}`],
      ["диск", "сеть"],
      ["web один", "web два"],
    ] as const) {
      expect(socketOf(one)).not.toBe(socketOf(other));
      expect(socketOf(one).length).toBeLessThanOrEqual("/run/a.sock.".length + 40);
    }
    const [first, second] = ["1", "2"].map((n) => `${"x".repeat(60)}-fork-${n}`) as [string, string];
    const copy = `name = "${first}"\nchannel = [ "path=${socketOf(first)}" ]`;
    expect(apart(copy, second)).toContain(`path=${socketOf(second)}"`);
  });

  it("is another's in a copy: the display of its screen is one that is free, though the domain is to have that one and no other", () => {
    const config = `name = "web"\nvfb = [ "vnc=1,vncdisplay=3,vncunused=0", "vnc=1" ]\nvncunused = 0\n`;
    expect(apart(config, "web-fork-1")).toBe(`name = "web"\nvfb = [ "vnc=1,vncdisplay=3", "vnc=1" ]\n`);
  });
});

describe("a fork", { timeout: 120_000 }, () => {
  let host: HostService;
  let client: ApiClient;
  let folder: string;

  beforeEach(async () => {
    folder = temporaryFolder("fork-meanwhile");
    host = builtHost({ memoryMiB: 512, pcpus: 2, libraryFolder: path.join(folder, "library") });
    await host.powerOn();
    client = connectInMemory(host, true).client;
  });
  afterEach(() => host.powerOff(0));
  const { says } = onConsole(() => host);

  const started = async (extra: string) => {
    writeFileSync(path.join(folder, "web.img"), "");
    truncateSync(path.join(folder, "web.img"), 1 << 20);
    const config = `name = "web"\nkernel = "${fileURLToPath(bundledGuest)}"\nmemory = 32\ndisk = ["web.img,raw,xvda,rw"]\n${extra}\n`;
    const made = await client.request("create", { config, configName: path.join(folder, "web.cfg") });
    await says(made.domid, /mini> /);
    return made;
  };
  const images = () => readdirSync(folder).filter((name) => name.endsWith(".qcow2"));

  it("of one with a channel by a socket gives each copy a socket of its own", async () => {
    const { uuid } = await started(`channel = [ "connection=socket,path=${folder}/s,name=a" ]`);
    await client.request("domainFork", { uuid, copies: 2 });
    expect(readdirSync(folder)).toEqual(expect.arrayContaining(["s", "s.web-fork-1", "s.web-fork-2"]));
  });

  it("and one of its copy at the same time find names that do not meet", async () => {
    const { uuid } = await started("");
    const { copies } = await client.request("domainFork", { uuid, copies: 1 });
    const both = await Promise.all(
      [uuid, copies[0]!.uuid].map((each) => client.request("domainFork", { uuid: each, copies: 2 })),
    );
    const names = both.flatMap((each) => each.copies.map(({ name }) => name));
    expect(names.toSorted()).toEqual(["web-fork-2", "web-fork-3", "web-fork-4", "web-fork-5"]);
  });

  it("lets nobody start or delete a copy before all of them run", async () => {
    const { uuid } = await started("");
    const { toolstack } = host;
    const request = toolstack.request.bind(toolstack);
    const refused: unknown[] = [];
    toolstack.request = (async (name: "heldContinue", args: never) => {
      if (name === "heldContinue") {
        const copy = (await client.request("keptDomains")).find((each) => each.name === "web-fork-1")!;
        for (const deed of ["keptStart", "keptDelete"] as const)
          await client.request(deed, { uuid: copy.uuid }).catch((error: unknown) => refused.push(error));
      }
      return request(name, args);
    }) as never;
    await client.request("domainFork", { uuid, copies: 1 });
    expect(refused).toMatchObject([{ code: "EBUSY" }, { code: "EBUSY" }]);
  });

  it("shows no copy in a list before it has a name, and the memory of all is taken", async () => {
    const { uuid } = await started("");
    const { toolstack } = host;
    const request = toolstack.request.bind(toolstack);
    const free = async () => (await request("hostInfo")).freeMemoryMiB;
    const before = await free();
    const seen: string[] = [];
    let least = before;
    toolstack.request = (async (name: "heldContinue", args: never) => {
      if (name === "heldContinue") {
        for (const each of [...(await request("list")), ...(await request("vcpuList", {}))]) seen.push(each.name);
        for (const each of (await request("statistics")).domains) seen.push(each.name);
        least = Math.min(least, await free());
      }
      return request(name, args);
    }) as never;
    await client.request("domainFork", { uuid, copies: 3 });
    expect(seen).toContain("web");
    expect(
      seen.filter((name) => !["Domain-0", "web", "web-fork-1", "web-fork-2", "web-fork-3"].includes(name)),
    ).toEqual([]);
    expect(before - least).toBeGreaterThanOrEqual(32);
  });

  it("of which one copy can't be made makes no more of the others", async () => {
    const { uuid } = await started("");
    const { toolstack } = host;
    const request = toolstack.request.bind(toolstack);
    const define = host.library.define.bind(host.library);
    let fail = (): void => {};
    const failed = new Promise<void>((resolve) => (fail = resolve));
    // The others get their definitions when the first has failed.
    host.library.define = async (options) => {
      if (options.config.includes("web-fork-1")) return define(options);
      await failed;
      return define(options);
    };
    const asked: string[] = [];
    toolstack.request = (async (name: "heldContinue", args: never) => {
      if (name !== "heldContinue") return request(name, args);
      asked.push((args as { as: { name: string } }).as.name);
      fail();
      throw new Error("the first is not to be");
    }) as never;
    await expect(client.request("domainFork", { uuid, copies: 3 })).rejects.toThrow("the first is not to be");
    expect(asked).toEqual(["web-fork-1"]);
    expect(host.library.all.map(({ name }) => name)).toEqual(["web"]);
  });

  it("whose domain's definition can't be written leaves no images that are to be merged", async () => {
    const { uuid } = await started("");
    const edit = vi.spyOn(host.library, "edit").mockRejectedValueOnce(new Error("no room for it"));
    await expect(client.request("domainFork", { uuid, copies: 1 })).rejects.toThrow("no room for it");
    expect(edit).toHaveBeenCalled();
    expect(images()).toEqual([]);
    expect((await client.request("snapshots", { uuid }))?.snapshots ?? []).toEqual([]);
  });

  it("that is undone while the host goes off comes to its end, and says that it did", async () => {
    const { uuid } = await started("");
    const { toolstack } = host;
    const request = toolstack.request.bind(toolstack);
    let copies = 0;
    toolstack.request = ((name: "heldContinue" | "destroy", args: never) => {
      if (name === "heldContinue" && ++copies === 2) return Promise.reject(new Error("the second is not to be"));
      if (name !== "destroy") return request(name, args);
      // The guest was asked to end, and nobody will tell when it has.
      void host.powerOff(0);
      return Promise.resolve(null);
    }) as never;
    await expect(client.request("domainFork", { uuid, copies: 2 })).rejects.toThrow("the second is not to be");
    expect((await client.request("keptDomains")).map(({ name }) => name)).toEqual(["web"]);
    await vi.waitUntil(async () => (await client.request("snapshots", { uuid }))?.work === null, SLOW);
    await client.request("snapshotMerge", { uuid });
    expect(images()).toEqual([]);
  });

  it("whose copy can't be ended leaves it its disk, and so does the next one, which takes it away when it can", async () => {
    const { uuid } = await started("");
    const { toolstack } = host;
    const request = toolstack.request.bind(toolstack);
    const runs = async () =>
      (await client.request("list")).flatMap(({ domid, name }) => (domid === 0 ? [] : [name])).toSorted();
    toolstack.request = ((name: "unpause" | "destroy", args: never) =>
      name === "unpause" || name === "destroy"
        ? Promise.reject(new Error(name === "unpause" ? "it is not to run" : "It is held."))
        : request(name, args)) as never;
    const fork = () => client.request("domainFork", { uuid, copies: 1 });
    await expect(fork()).rejects.toThrow("it is not to run");
    expect(await runs()).toEqual(["web", "web-fork-1"]);
    const copy = host.library.byName("web-fork-1")!;
    const disk = /web[^,"]*\.qcow2/.exec(copy.config)![0];
    expect(images()).toContain(path.basename(disk));
    const before = images();
    await expect(fork()).rejects.toMatchObject({
      code: "EBUSY",
      message:
        "web-fork-1, which was being made from a snapshot, runs and can't be ended: It is held. Destroy it, and try again.",
    });
    expect(await runs()).toEqual(["web", "web-fork-1"]);
    expect(images()).toEqual(before);
    toolstack.request = request;
    expect((await fork()).copies.map(({ name }) => name)).toEqual(["web-fork-2"]);
    expect(await runs()).toEqual(["web", "web-fork-2"]);
    expect(host.library.all.map(({ name }) => name).toSorted()).toEqual(["web", "web-fork-2"]);
    expect(images()).not.toContain(path.basename(disk));
  });

  it("of one without disks has removed its snapshot before a copy runs, so that no copy goes because that fails", async () => {
    const config = `name = "web"\nkernel = "${fileURLToPath(bundledGuest)}"\nmemory = 32\n`;
    const { uuid } = await client.request("create", { config, configName: path.join(folder, "web.cfg") });
    const { toolstack } = host;
    const request = toolstack.request.bind(toolstack);
    const seen: number[] = [];
    toolstack.request = (async (name: "unpause", args: never) => {
      if (name === "unpause") seen.push((await client.request("snapshots", { uuid }))?.snapshots.length ?? 0);
      return request(name, args);
    }) as never;
    await client.request("domainFork", { uuid, copies: 2 });
    expect(seen).toEqual([0, 0]);
  });

  it("that begins as the host goes off is refused in a sentence", async () => {
    const { uuid } = await started("");
    const { snapshots } = host;
    const off = vi.spyOn(snapshots, "fork").mockImplementationOnce(async (...args) => {
      const forking = snapshots.fork(...args);
      // The fork is refused before the host is off. The refusal is looked at afterwards.
      forking.catch(() => {});
      await host.powerOff(0);
      return forking;
    });
    // From that moment on, a host that goes off has no domains that run.
    await expect(client.request("domainFork", { uuid, copies: 1 })).rejects.toThrow(
      /^That domain does not run: one that stands still is cloned\.$/,
    );
    off.mockRestore();
    expect((await client.request("keptDomains")).map(({ name, state }) => [name, state])).toEqual([["web", "halted"]]);
  });
});
