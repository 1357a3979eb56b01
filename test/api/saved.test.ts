/** Domains that a host keeps until they are restored, over the API: who may name files, what is there after a restart, and what is damaged. */
import { copyFileSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ApiClient } from "../../core/api/client.ts";
import type { HostService } from "../../core/api/host-service.ts";
import type { Events } from "../../core/api/schema.ts";
import { builtHost } from "../built-host.ts";
import { bundledGuest } from "../dist.ts";
import { onConsole } from "../guests/on-console.ts";
import { temporaryFolder } from "../temporary.ts";
import { connectInMemory } from "./in-memory.ts";

const SLOW = { timeout: 60_000 };

function makeHost(libraryFolder: string | null, savedFolder?: string): HostService {
  return builtHost({
    ...(libraryFolder !== null && { libraryFolder }),
    ...(savedFolder !== undefined && { savedFolder }),
  });
}
async function startGuest(host: HostService): Promise<number> {
  const { domid } = await host.createBundled(1);
  await onConsole(() => host).says(domid, /mini> /);
  return domid;
}

describe("saved domains over the API", () => {
  const folder = path.join(temporaryFolder("saved"), "kept");
  let host: HostService;
  let client: ApiClient;
  let uuid: string;
  const own = (): string => path.join(folder, "domains", uuid);

  beforeAll(async () => {
    host = makeHost(folder);
    await host.powerOn();
    client = connectInMemory(host, false).client;
  });
  afterAll(() => host.powerOff(0));

  it("are kept by the host, which tells everybody and how far it is", async () => {
    const domid = await startGuest(host);
    uuid = (await client.request("list")).find((each) => each.domid === domid)!.uuid;
    const shares: Events["saving"][] = [];
    const told: Events["kept"][] = [];
    client.on("saving", (event) => shares.push(event));
    client.on("kept", (event) => told.push(event));
    const { bytes } = await client.request("save", { domid });
    const saved = expect.objectContaining({ bytes, memoryMiB: 32 }) as object;
    const kept = [expect.objectContaining({ uuid, name: "mini-1", state: "saved", domid: null, saved })];
    expect(await client.request("keptDomains")).toEqual(kept);
    await expect.poll(() => told.at(-1)).toEqual({ domains: kept });
    expect(shares.at(-1)).toEqual({ domid, share: 1 });
    expect(readdirSync(own())).toContain("memory.saved");
  });

  it("are there for the next host; a file that is spoiled is told of and left alone", async () => {
    await host.powerOff(0);
    writeFileSync(path.join(own(), "memory.saved.0123abcd.part"), "half of it");
    // What was saved before there was a library is moved into it.
    const before = path.join(temporaryFolder("saved-before"), "saved");
    mkdirSync(before);
    renameSync(path.join(own(), "memory.saved"), path.join(before, `${uuid}.saved`));
    rmSync(own(), { recursive: true });
    const spoiled = path.join(before, `${crypto.randomUUID()}.saved`);
    writeFileSync(spoiled, "nothing of the kind");
    host = makeHost(folder, before);
    client = connectInMemory(host, false).client;
    await expect
      .poll(async () => (await client.request("keptDomains")).map((each) => [each.uuid, each.name, each.state]), SLOW)
      .toEqual([[uuid, "mini-1", "saved"]]);
    await expect
      .poll(() => host.notices.map(({ message }) => message).join())
      .toContain(`${spoiled} can't be restored`);
    expect(readdirSync(before)).toHaveLength(1);
    expect(Object.keys((await client.request("keptConfig", { uuid })).files)).toHaveLength(1);
    await expect(client.request("restore", { uuid })).rejects.toMatchObject({ code: "EOFF" });
    await host.powerOn();
    const { name } = await client.request("restore", { uuid });
    expect(name).toBe("mini-1");
    expect(await client.request("keptDomains")).toMatchObject([{ uuid, state: "running", saved: null }]);
    await expect(client.request("restore", { uuid })).rejects.toMatchObject({ code: "ESRCH" });
    await expect(client.request("savedDiscard", { uuid })).rejects.toMatchObject({ code: "ESRCH" });
  });

  it("run only when nothing is left that could restore them once more, on disks that have changed since", async () => {
    const domid = (await client.request("list")).find((each) => each.domid !== 0)!.domid;
    const file = path.join(folder, "same.saved");
    await client.request("save", { domid });
    copyFileSync(path.join(own(), "memory.saved"), file);
    const states: string[] = [];
    const { library } = host;
    const discard = library.discardSaved.bind(library);
    library.discardSaved = async (each) => {
      states.push((await client.request("list")).find((one) => one.uuid === each)!.stateString);
      throw new Error("it can't be removed");
    };
    await expect(client.request("restore", { uuid })).rejects.toThrow("it can't be removed");
    library.discardSaved = discard;
    expect(states).toEqual(["--p---"]);
    expect((await client.request("list")).map((each) => each.domid)).toEqual([0]);
    expect(await client.request("keptDomains")).toMatchObject([{ uuid, state: "saved" }]);
    // This also holds for another file.
    const user = connectInMemory(host, true).client;
    await expect(user.request("restore", { file })).rejects.toMatchObject({ code: "EBUSY" });
    user.close();
    expect((await client.request("list")).map((each) => each.domid)).toEqual([0]);
    rmSync(file);
    await client.request("restore", { uuid });
    expect((await client.request("list"))[1]).toMatchObject({ uuid, state: { paused: false } });
  });

  it("are saved to files by those alone whose user may name files", async () => {
    const file = path.join(folder, "elsewhere.saved");
    const domid = (await client.request("list")).find((each) => each.domid !== 0)!.domid;
    await expect(client.request("save", { domid, file })).rejects.toMatchObject({ code: "EACCES" });
    await expect(client.request("restore", { file })).rejects.toMatchObject({ code: "EACCES" });
    await expect(client.request("restore", {})).rejects.toMatchObject({ code: "EBADREQUEST" });
    await expect(client.request("save", { domid, resume: true })).rejects.toMatchObject({ code: "EBADREQUEST" });
    await expect(client.request("save", { domid: 0 })).rejects.toMatchObject({ code: "EPERM" });
    await expect(client.request("saveCancel", { domid })).rejects.toMatchObject({ code: "ESRCH" });
    const own = connectInMemory(host, true).client;
    await own.request("save", { domid, file, resume: true });
    expect((await own.request("list")).map((each) => each.domid)).toContain(domid);
    own.close();
  });

  it("are not saved if somebody cancels it: the domain goes on, and no file is left", async () => {
    const config = 'name = "large"\nkernel = "mini.elf"\nmemory = 96\n';
    const kernel = readFileSync(bundledGuest);
    const { domid } = await host.toolstack.request("create", { config, files: { "mini.elf": kernel } });
    const { says } = onConsole(() => host);
    await says(domid, /mini> /);
    const begun = new Promise<void>((resolve) => client.on("saving", () => resolve()));
    const saving = client.request("save", { domid });
    const refused = expect(saving).rejects.toMatchObject({ code: "ECANCELED" });
    await begun;
    await client.request("saveCancel", { domid });
    await refused;
    await says(domid, /resumed \(cancelled\)/);
    const kept = await client.request("keptDomains");
    expect(kept.map(({ name, state }) => [name, state])).toContainEqual(["large", "running"]);
    for (const { uuid: each } of kept)
      expect(readdirSync(path.join(folder, "domains", each)).filter((file) => /saved/.test(file))).toEqual([]);
  });

  it("need a folder where no file is named", async () => {
    const bare = makeHost(null);
    await bare.powerOn();
    const domid = await startGuest(bare);
    const own = connectInMemory(bare, true).client;
    await expect(own.request("save", { domid })).rejects.toMatchObject({ code: "EROFS" });
    expect((await own.request("list")).map((each) => each.domid)).toContain(domid);
    await bare.powerOff(0);
  });
});
