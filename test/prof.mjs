import { readFileSync } from "node:fs";
import { PoweredHost } from "/work/main/core/toolstack/power.ts";
const host = new PoweredHost({ memoryMiB: 512, pcpus: 1, imageFolder: new URL("file:///work/main/dist/") });
await host.start();
const t = host.toolstack;
t.on("console", ({ bytes }) => process.stdout.write(Buffer.from(bytes)));
const { domid } = await t.request("create", {
  config: `name="d"\nkernel="/work/ref/linux/boot/vmlinuz-6.1.0-56-amd64"\nramdisk="/work/main/.cache/guests/initramfs-ready.cpio.gz"\nmemory=256\nextra="console=hvc0 earlyprintk=xen"\n`,
  paused: true,
});
await t.request("consoleAttach", { domid });
await t.request("unpause", { domid });
let last;
const t0 = Date.now();
while (Date.now() - t0 < Number(process.argv[2] ?? 12000)) {
  await new Promise((r) => setTimeout(r, 250));
  const s = await t.request("statistics");
  const d = s.domains.find((e) => e.domid === domid);
  if (!d) break;
  if (last)
    console.log(
      ((Date.now() - t0) / 1000).toFixed(2),
      "hc",
      d.hypercalls - last.hypercalls,
      "pf",
      d.pageFaults,
      "instr M",
      d.instructions === null ? null : ((d.instructions - last.instructions) / 1e6).toFixed(1),
      "cpu",
      ((d.cpuTime - last.cpuTime) / 1e6).toFixed(0),
    );
  last = d;
}
await host.powerOff();
