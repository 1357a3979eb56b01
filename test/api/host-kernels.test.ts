/**
 * Kernels of this computer: named by their release and taken from the one folder, never by a path, and only for clients that the user has allowed.
 */
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { temporaryFolder } from "../temporary.ts";
import { hostKernels, readBootFile } from "../../core/api/host-kernels.ts";
import type { HostService } from "../../core/api/host-service.ts";
import { HostJournal } from "../../core/api/journal/host-journal.ts";
import { Session } from "../../core/api/session.ts";
import type { ServerMessage } from "../../core/api/schema.ts";

function folder(): string {
  const root = temporaryFolder("boot");
  const boot = path.join(root, "boot");
  mkdirSync(boot);
  writeFileSync(path.join(root, "secret"), "the user's own");
  for (const name of ["vmlinuz-6.1.0-9-amd64", "vmlinuz-6.1.0-10-amd64", "initrd.img-6.1.0-10-amd64"])
    writeFileSync(path.join(boot, name), `contents of ${name}`);
  for (const name of ["vmlinuz-5.15", "initramfs-5.15.img"]) writeFileSync(path.join(boot, name), name);
  // These lead out of the folder, are no files, are empty, or do not have a kernel's name.
  symlinkSync("../secret", path.join(boot, "vmlinuz-evil"));
  symlinkSync("../secret", path.join(boot, "initrd.img-6.1.0-9-amd64"));
  mkdirSync(path.join(boot, "vmlinuz-folder"));
  writeFileSync(path.join(boot, "vmlinuz-empty"), "");
  writeFileSync(path.join(boot, "System.map-5.15"), "x");
  symlinkSync("vmlinuz-5.15", path.join(boot, "vmlinuz-default"));
  return boot;
}

/** A client's session as its transport describes it. The other parts of the host are not used here. */
function ask(
  kernelFolder: string | null,
  mayNameFiles: boolean,
): (request: string, args?: unknown) => Promise<unknown> {
  const host = {
    state: { power: "off" },
    notices: [],
    images: { folder: null },
    fetching: { kernels: { folder: null } },
    transfers: { incoming: { folder: null } },
    journal: new HostJournal(() => {}, { gone: () => null, kept: () => null }),
    on: () => {},
    off: () => {},
    kernelFolder: (may: boolean) => kernelFolder ?? (may ? "/nowhere/boot" : null),
  } as unknown as HostService;
  const sent: ServerMessage[] = [];
  const session = new Session(host, { send: (each) => sent.push(each), backlog: 0, end: () => {}, mayNameFiles });
  let id = 0;
  return async (request, args = {}) => {
    await session.receive({ id: ++id, request, args });
    const answer = sent.find((each) => "id" in each && each.id === id) as { result?: unknown; error?: unknown };
    return answer.error ?? answer.result;
  };
}

describe("kernels of this computer", () => {
  it("are those in the folder itself, the newest first, each with its RAM disk", async () => {
    const found = await hostKernels(folder());
    expect(found.map(({ release, ramdisk }) => [release, ramdisk?.name ?? null])).toEqual([
      ["default", null],
      ["6.1.0-10-amd64", "initrd.img-6.1.0-10-amd64"],
      ["6.1.0-9-amd64", null],
      ["5.15", "initramfs-5.15.img"],
    ]);
    expect(Buffer.from(await readBootFile(found[1]!.kernel)).toString()).toBe("contents of vmlinuz-6.1.0-10-amd64");
    expect(await hostKernels("/nowhere/at/all")).toEqual([]);
  });

  it("are taken by release, and by nothing else", async () => {
    const request = ask(folder(), false);
    expect(await request("takeHostKernel", { release: "6.1.0-10-amd64" })).toMatchObject({
      files: [
        { name: "vmlinuz-6.1.0-10-amd64", size: 34, file: "f1" },
        { name: "initrd.img-6.1.0-10-amd64", file: "f2" },
      ],
    });
    for (const release of ["evil", "../secret", "/etc/passwd", "folder", "empty", "7.0"])
      expect(await request("takeHostKernel", { release }), release).toMatchObject({
        code: "ENOENT",
        message: expect.stringContaining("allowed: default, 6.1.0-10-amd64"),
      });
  });

  it("count among what a client may give", async () => {
    const request = ask(folder(), false);
    for (let i = 0; i < 32; i++) await request("takeHostKernel", { release: "5.15" });
    expect(await request("takeHostKernel", { release: "5.15" })).toMatchObject({ code: "ENOSPC" });
  });

  it("are no window's unless the user who started the server said so", async () => {
    const request = ask(null, false);
    expect(await request("imageSources")).toMatchObject({
      folder: null,
      kernels: [],
      reason: expect.stringContaining("--kernels /boot"),
    });
    expect(await request("takeHostKernel", { release: "5.15" })).toMatchObject({ code: "EACCES" });
    expect(await ask(null, true)("imageSources")).toMatchObject({ folder: "/nowhere/boot", kernels: [] });
  });
});
