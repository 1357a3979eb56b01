/**
 * Xen's own shim, Debian's, unmodified: a Xen in a PVH domain, which builds a PV domain from the kernel that it is given and passes on what that
 * domain asks for.
 */
import { readFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { PvhHost } from "../hypervisor/pvh/pvh.ts";
import { debianPackage, packageMissing } from "./images.ts";
import { onConsole } from "./on-console.ts";

const PACKAGE = "xen-utils-4.17";
const missing = packageMissing(PACKAGE);
const mini = new URL("../../dist/assets/guests/mini.elf", import.meta.url);

describe.skipIf(missing !== null)(`xen-shim${missing ? ` (${missing})` : ""}`, () => {
  let host: PvhHost;
  const { says, shown, types } = onConsole(() => host.host, 120_000);
  beforeAll(async () => {
    host = await PvhHost.open(2, 768);
  }, 120_000);
  afterAll(() => host?.close());

  it("boots a PV kernel, with its command line, beside one that Xenarium itself runs as PV", async () => {
    const { toolstack } = host.host;
    const files = {
      "mini.elf": readFileSync(mini),
      "xen-shim": readFileSync(path.join(debianPackage(PACKAGE), "usr/lib/xen-4.17/boot/xen-shim")),
    };
    const asPv = await toolstack.request("create", {
      config: 'name = "pv"\nkernel = "mini.elf"\nmemory = 32\n',
      files,
    });
    const config =
      'name = "shim"\ntype = "pvh"\npvshim = 1\npvshim_path = "xen-shim"\npvshim_extra = "guest_loglvl=all"\n' +
      'kernel = "mini.elf"\nextra = "words of its own"\nmemory = 256\n';
    const { domid } = await toolstack.request("create", { config, files });
    await says(domid, /mini> $/);
    expect(await shown(domid)).toMatch(/\(XEN\) \*\*\* Serial input to DOM0/);
    // The kernel has been given its command line: what it says itself is meant, not what Xen says of it.
    await types(domid, "info");
    await says(domid, /^cmdline +words of its own\r?$/m);
    // A hypercall of the PV kernel goes to the shim's Xen; event channels and xenstore are passed on to this one.
    await types(domid, "xenstore-ls");
    await says(domid, /name = "shim"/);
    expect((await toolstack.request("list")).map(({ name }) => name)).toEqual(["Domain-0", "pv", "shim"]);
    expect(asPv.domid).toBeLessThan(domid);
    expect(await host.violations()).toBe(0);
  }, 300_000);

  it("needs its path, and a kernel that it can start", async () => {
    const { toolstack } = host.host;
    const create = (config: string, files: Record<string, Uint8Array> = {}) =>
      toolstack.request("create", {
        config: `name = "refused"\ntype = "pvh"\npvshim = 1\nkernel = "k"\n${config}`,
        files,
      });
    await expect(create("")).rejects.toThrow(/pvshim_path is missing: give the path of Xen's shim/);
    await expect(create('pvshim_path = "s"\n', { k: Buffer.from("no kernel"), s: Buffer.from("x") })).rejects.toThrow(
      /k: /,
    );
    await expect(create('pvshim_path = "s"\n', { k: readFileSync(mini), s: Buffer.from("x") })).rejects.toThrow(/s: /);
  });
});
