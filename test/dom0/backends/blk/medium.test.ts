/** Media that a drive can't have: they are refused, and the drive and its guest go on with what is there. */
import { writeFileSync } from "node:fs";
import path from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { DEVICE_KINDS } from "../../../../core/dom0/backends/kinds.ts";
import { temporaryFolder } from "../../../temporary.ts";
import { pvElf } from "../../elf-files.ts";
import { HandFrontend } from "../../xenbus/frontend.ts";
import { fakeHost, type FakeHost } from "../../xenbus/host.ts";

const folder = temporaryFolder("medium");
const DRIVE = 51760;
let host: FakeHost;
let domid: number;
const ask = <T>(name: Parameters<FakeHost["service"]["handle"]>[0], args: object): Promise<T> =>
  host.service.handle(name, args) as Promise<T>;
const insert = (spec: string): Promise<unknown> => ask("mediumInsert", { domid, key: "disk", folder, spec });
const back = (name: string): string | null => host.store.read(`/local/domain/0/backend/vbd/${domid}/${DRIVE}/${name}`);

beforeEach(async () => {
  host = fakeHost(DEVICE_KINDS);
  for (const name of ["first.iso", "second.iso"]) writeFileSync(path.join(folder, name), Buffer.alloc(4096, name));
  const disk = `${path.join(folder, "first.iso")},,xvdd,cdrom`;
  const config = `name = "tiny"\nkernel = "k"\nmemory = 4\ndisk = ['${disk}']\n`;
  ({ domid } = await ask<{ domid: number }>("create", { config, files: { k: pvElf() } }));
  const front = new HandFrontend(host.xen, host.hypercalls, host.store, domid, `vbd/${DRIVE}`, { slotBytes: 112 });
  await expect.poll(() => back("state")).toBe("2");
  front.connect({ "ring-ref": front.refs[0]!, protocol: "x86_64-abi" });
  await expect.poll(() => back("state")).toBe("4");
});
afterEach(() => host.events.stop());

it("is refused with a reason if it is not there, or no image, and the drive keeps what it has", async () => {
  const before = back("params");
  for (const [spec, why] of [
    ["gone.iso,,xvdd,cdrom", /The drive xvdd of tiny can't have that medium: .*gone\.iso/],
    [".,,xvdd,cdrom", /must be a regular file/],
    ["second.iso,qcow2,xvdd,cdrom", /The drive xvdd of tiny can't have that medium/],
  ] as const) {
    await expect(insert(spec), spec).rejects.toThrow(why);
    expect([back("state"), back("params")]).toEqual(["4", before]);
  }
  await insert("second.iso,,xvdd,cdrom");
  await expect.poll(() => back("params")).toBe(`raw:${path.join(folder, "second.iso")}`);
  await insert(",,xvdd,cdrom");
  await expect.poll(() => back("params")).toBe("");
  await expect.poll(() => back("sectors")).toBe("0");
  expect(back("state")).toBe("4");
});
