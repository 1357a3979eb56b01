/**
 * Xen's own shim, Debian's, unmodified: a Xen in a PVH domain, which builds a PV domain from the kernel that it is given and passes on what that
 * domain asks for.
 */
import { readFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { PvhHost } from "../hypervisor/pvh/pvh.ts";
import { debianPackage, packageMissing } from "./images.ts";

const PACKAGE = "xen-utils-4.17";
const missing = packageMissing(PACKAGE);
const mini = new URL("../../dist/assets/guests/mini.elf", import.meta.url);

describe.skipIf(missing !== null)(`xen-shim${missing ? ` (${missing})` : ""}`, () => {
  let host: PvhHost;
  beforeAll(async () => {
    host = await PvhHost.open(2, 768);
  }, 120_000);
  afterAll(() => host?.close());

  it("boots a PV kernel, with its command line, beside one that Xenarium itself runs as PV", async () => {
    let text = "";
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
    toolstack.on("console", ({ domid: whose, bytes }) => {
      if (whose === domid) text += Buffer.from(bytes).toString("latin1");
    });
    await toolstack.request("consoleAttach", { domid });
    await host.until("the guest's prompt", () => text.includes("mini> "), 120);
    // Xen's own messages, which also show that it passed the kernel's command line on.
    expect(text).toMatch(/\(XEN\) \*\*\* Serial input to DOM0/);
    await toolstack.request("consoleInput", { domid, bytes: Buffer.from("cmdline\r") });
    await host.until("its command line", () => text.includes("words of its own"), 60);
    // A hypercall of the PV kernel goes to the shim's Xen; event channels and xenstore are passed on to this one.
    await toolstack.request("consoleInput", { domid, bytes: Buffer.from("xenstore-ls\r") });
    await host.until("what xenstore says of it", () => /name = "shim"/.test(text), 60);
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
