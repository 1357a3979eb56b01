/** `xenarium disk`: what it makes, as qemu-img sees it, and what it says about mistakes. */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { disk } from "../../core/cli/disk.ts";
import { temporaryFolder } from "../temporary.ts";
import { toolMissing } from "../tools.ts";

const missing = toolMissing("qemu-img", "qemu-utils");
const folder = temporaryFolder("disk-cli");
const at = (name: string): string => path.join(folder, name);
const asked: unknown[] = [];
/** A host with one domain that uses running.qcow2. */
const client = {
  request: (name: string, args?: unknown): Promise<unknown> => {
    asked.push([name, args]);
    const running = { name: "web", config: { devices: [{ files: [at("running.qcow2")] }] } };
    return Promise.resolve(name === "list" ? [running] : name === "resolve" ? 7 : null);
  },
};

async function says(...args: string[]): Promise<string> {
  let text = "";
  const write = process.stdout.write.bind(process.stdout);
  process.stdout.write = ((piece: string) => (text += piece)) as never;
  try {
    await disk(args, () => Promise.resolve(client as never));
  } finally {
    process.stdout.write = write;
  }
  return text;
}
interface Info {
  format: string;
  "virtual-size": number;
  "backing-filename"?: string;
}
const info = (file: string): Info =>
  JSON.parse(execFileSync("qemu-img", ["info", "--output=json", file], { encoding: "utf8" })) as Info;

describe.skipIf(missing !== null)(`xenarium disk${missing ? ` (${missing})` : ""}`, () => {
  it("makes images, and overlays over them", async () => {
    await says("create", at("a.qcow2"), "1G");
    await says("create", at("a.raw"), "3M", "-f", "raw");
    await says("create", at("over.qcow2"), "-b", at("a.raw"));
    expect(info(at("a.qcow2"))).toMatchObject({ format: "qcow2", "virtual-size": 2 ** 30 });
    expect(readFileSync(at("a.raw")).length).toBe(3 << 20);
    expect(info(at("over.qcow2"))).toMatchObject({ "virtual-size": 3 << 20, "backing-filename": "a.raw" });
    expect(await says("info", at("over.qcow2"))).toMatch(
      /over\.qcow2: qcow2\n  disk {7}3\.0 MiB[^]*based on   a\.raw \(raw\)/,
    );
    await expect(says("create", at("a.qcow2"), "1G")).rejects.toThrow("EEXIST");
    await expect(says("create", at("b.qcow2"), "1000")).rejects.toThrow("multiple of 512");
    await expect(says("create", at("b.qcow2"))).rejects.toThrow("size is missing");
    await expect(says("create", at("b.qcow2"), "-b", "/etc/hostname", "-F", "raw")).rejects.toThrow(
      "must lie in the folder",
    );
    expect(existsSync(at("b.qcow2"))).toBe(false);
  });

  it("converts, and tells a format by the name alone", async () => {
    writeFileSync(at("plain.img"), Buffer.alloc(2 << 20, "content "));
    execFileSync("qemu-img", ["convert", "-f", "raw", "-O", "vmdk", at("plain.img"), at("b.vmdk")]);
    await says("convert", at("b.vmdk"), at("b.qcow2"));
    execFileSync("qemu-img", ["check", at("b.qcow2")]);
    await says("convert", at("b.qcow2"), at("b.raw"));
    expect(readFileSync(at("b.raw")).equals(readFileSync(at("plain.img")))).toBe(true);
    await says("convert", at("b.qcow2"), at("b.vhd"));
    expect(JSON.parse(await says("info", at("b.vhd"), "--json"))).toMatchObject({ format: "vhd" });
    execFileSync("qemu-img", ["compare", "-f", "vpc", "-F", "raw", at("b.vhd"), at("plain.img")]);
    // The data of a raw disk that begins like a qcow2 image.
    writeFileSync(at("trap.img"), Buffer.concat([readFileSync(at("over.qcow2")), Buffer.alloc(512)]));
    expect(JSON.parse(await says("info", at("trap.img"), "--json"))).toMatchObject({ format: "raw", backing: null });
    writeFileSync(at("nameless"), Buffer.alloc(512));
    await expect(says("info", at("nameless"))).rejects.toThrow("--format");
  });

  it("changes sizes; what would be lost must be said", async () => {
    await says("create", at("c.qcow2"), "8M");
    await says("resize", at("c.qcow2"), "1G");
    expect(info(at("c.qcow2"))["virtual-size"]).toBe(2 ** 30);
    await expect(says("resize", at("c.qcow2"), "1M")).rejects.toThrow("--shrink");
    await says("resize", at("c.qcow2"), "1M", "--shrink");
    expect(info(at("c.qcow2"))["virtual-size"]).toBe(1 << 20);
    execFileSync("qemu-img", ["check", at("c.qcow2")]);
  });

  it("leaves alone what a running domain has, and grows it there", async () => {
    await says("create", at("running.qcow2"), "8M");
    await expect(says("resize", at("running.qcow2"), "1G")).rejects.toThrow("a disk of web");
    await expect(says("convert", at("running.qcow2"), at("d.raw"))).rejects.toThrow("a disk of web");
    asked.length = 0;
    await says("grow", "web", "xvda", "16M");
    expect(asked).toEqual([
      ["resolve", { domain: "web" }],
      ["diskResize", { domid: 7, device: "xvda", bytes: 16 << 20 }],
    ]);
  });
});
