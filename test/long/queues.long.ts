/**
 * Several queues for each device, as Linux takes them on 2 and on 4 vCPUs: all vCPUs write three disks at the same time, and send as many streams
 * over an interface. What arrives must be what was sent and written.
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync, truncateSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { HostService } from "../../core/api/host-service.ts";
import { builtHost } from "../built-host.ts";
import { debianKernel, guestsMissing, initramfs, kernelModules } from "../guests/images.ts";
import { onConsole } from "../guests/on-console.ts";
import { temporaryFolder } from "../temporary.ts";
import { toolMissing } from "../tools.ts";

const missing = guestsMissing() ?? toolMissing("qemu-img", "qemu-utils");
const folder = temporaryFolder("queues");
const MEBIBYTES = 16;
let host: HostService;

const { ask, shown, says } = onConsole(() => host, 400_000);
const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

async function start(name: string, script: string[], vcpus: number, disks: string[]): Promise<number> {
  const ramdisk = initramfs("ready", script.join("\n"), {}, kernelModules("xen-blkfront", "xen-netfront"));
  const lines = [
    `name = "${name}"`,
    `kernel = "${debianKernel()}"`,
    `ramdisk = "${ramdisk}"`,
    `cmdline = "console=hvc0 quiet"`,
    `memory = 256`,
    `vcpus = ${vcpus}`,
    `disk = [${disks.map((disk) => `'${disk}'`).join(", ")}]`,
    `vif = ['bridge=lab']`,
  ];
  return (await ask("create", { config: lines.join("\n") })).domid;
}

beforeAll(async () => {
  host = builtHost({ memoryMiB: 1024, pcpus: 2 });
  await host.powerOn();
  await ask("networkCreate", { name: "lab", mode: "isolated" });
});
afterEach(async () => {
  for (const { domid } of await ask("list")) if (domid !== 0) await ask("destroy", { domid });
});
afterAll(() => host.powerOff(1000));

describe.skipIf(missing !== null)(`several queues${missing ? ` (${missing})` : ""}`, () => {
  it.each([2, 4])(
    "with %i vCPUs: three disks, and as many streams as vCPUs, at once",
    async (vcpus) => {
      const file = (name: string): string => path.join(folder, `${vcpus}-${name}`);
      for (const name of ["a.img", "c.img"]) {
        writeFileSync(file(name), "");
        truncateSync(file(name), MEBIBYTES << 20);
      }
      execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", file("b.qcow2"), `${MEBIBYTES}M`]);
      const disks = [`${file("a.img")},raw,xvda`, `${file("b.qcow2")},qcow2,xvdb`, `${file("c.img")},raw,xvdc`];
      const workers = Array.from({ length: vcpus }, (_, i) => i);
      const ip = (last: number): string =>
        `busybox ip addr add 10.9.0.${last}/24 dev eth0; busybox ip link set eth0 up`;
      const server = await start(
        "server",
        [
          ip(1),
          ...workers.map((i) => `{ nc -l -p ${5000 + i} < /dev/hvc0 | sha256sum | sed "s/^/GOT ${i} /"; } &`),
          "echo UP; wait; echo SERVED; poweroff -f",
        ],
        vcpus,
        [],
      );
      await says(server, /UP\b/);
      // In units of 64 KiB. Each worker has its share of each disk.
      const share = (MEBIBYTES * 16) / vcpus;
      const client = await start(
        "client",
        [
          ip(2),
          `dd if=/dev/urandom of=/data bs=1M count=${MEBIBYTES} 2>/dev/null`,
          'echo "DATA $(sha256sum < /data)"',
          ...workers.flatMap((i) =>
            ["xvda", "xvdb", "xvdc"].map(
              (disk) =>
                `dd if=/data of=/dev/${disk} bs=64k skip=${i * share} seek=${i * share} count=${share} oflag=direct conv=notrunc 2>/dev/null &`,
            ),
          ),
          ...workers.map(
            (i) =>
              `{ dd if=/data bs=64k skip=${i * share} count=${share} 2>/dev/null | tee /part-${i} | nc 10.9.0.1 ${5000 + i}; echo "SENT ${i} $(sha256sum < /part-${i})"; } &`,
          ),
          "wait; sync",
          'for disk in xvda xvdb xvdc; do echo "BACK $(sha256sum < /dev/$disk)"; done',
          "echo DONE; read go; poweroff -f",
        ],
        vcpus,
        disks,
      );
      await says(client, /DONE/);
      const { devices } = await ask("wiring", { domid: client });
      expect(devices.filter(({ kind }) => kind === "vbd").map(({ rings }) => rings.length)).toEqual([
        vcpus,
        vcpus,
        vcpus,
      ]);
      expect(devices.filter(({ kind }) => kind === "vif").map(({ rings }) => rings.length)).toEqual([2 * vcpus]);
      // Each queue of the disks must have been used.
      for (const { kind, rings } of devices)
        if (kind === "vbd") for (const { directions } of rings) expect(directions[0]!.consumer).toBeGreaterThan(0);
      const log = await shown(client);
      const data = /DATA (\w+)/.exec(log)![1]!;
      expect([...log.matchAll(/BACK (\w+)/g)].map(([, sum]) => sum)).toEqual([data, data, data]);
      await says(server, /SERVED/);
      const got = await shown(server);
      for (const i of workers) {
        const sent = new RegExp(`SENT ${i} (\\w+)`).exec(log)![1]!;
        expect(got).toContain(`GOT ${i} ${sent}`);
      }
      await ask("consoleInput", { domid: client, bytes: Buffer.from("go\r") });
      await expect.poll(async () => (await ask("list")).length, { timeout: 60_000 }).toBe(1);
      for (const name of ["a.img", "c.img"]) expect(sha256(readFileSync(file(name)))).toBe(data);
      execFileSync("qemu-img", ["check", file("b.qcow2")], { stdio: "pipe" });
      execFileSync("qemu-img", ["convert", "-f", "qcow2", "-O", "raw", file("b.qcow2"), file("b.img")]);
      expect(sha256(readFileSync(file("b.img")))).toBe(data);
      expect(await ask("checkInvariants")).toBe(0);
    },
    900_000,
  );
});
