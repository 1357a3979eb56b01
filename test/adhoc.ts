import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { DEFAULT_BOOT_CONFIG } from "../core/toolstack/boot-config.ts";
import { PoweredHost } from "../core/toolstack/power.ts";
import { debianKernel, initramfs } from "./guests/images.ts";
const boot = { ...DEFAULT_BOOT_CONFIG, entries: [{ title: "All", cmdline: "dom0_mem=64M loglvl=all guest_loglvl=all" }] };
const host = new PoweredHost({ memoryMiB: Number(process.env.MEM ?? 1400), pcpus: 2, boot, imageFolder: pathToFileURL(process.cwd() + "/dist/") });
let log = ""; host.on("serial", ({ pieces }) => { log += Buffer.concat(pieces.map(({ bytes }) => bytes)).toString("latin1"); });
await host.start();
const { toolstack } = host;
const files = { k: readFileSync(debianKernel()), r: readFileSync(initramfs("ready", "while true; do /bin/uname -r > /dev/null; done")) };
const text = new Map<number, string>();
toolstack.on("console", ({ domid, bytes }) => text.set(domid, (text.get(domid) ?? "") + Buffer.from(bytes).toString("latin1")));
let n = 0, bad = 0; const times: number[] = [];
const end = Date.now() + Number(process.env.SECONDS ?? 60) * 1000;
const ids: number[] = [];
const make = async (i: number) => { const { domid } = await toolstack.request("create", { config: `name = "g${i}"\nkernel = "k"\nramdisk = "r"\nmemory = 200\nvcpus = 2\nextra = "console=hvc0"\n`, files }); ids.push(domid); await toolstack.request("consoleAttach", { domid }); };
await make(0); await make(1);
let made = 2;
while (Date.now() < end) {
  const t = performance.now(); const v = await toolstack.request("checkInvariants"); times.push(performance.now() - t);
  n++; if (v) { bad++; }
  await new Promise((r) => setTimeout(r, 10 + Math.random() * 60));
  if (n % 60 === 59) { const domid = ids.shift()!; await toolstack.request("destroy", { domid }); await make(made++); }
}
times.sort((a, b) => a - b);
console.log({ n, bad, made, median: times[n >> 1], max: times[n - 1], ready: [...text].map(([d, s]) => [d, /GUEST-READY/.test(s)]) });
console.log(log.split("\n").filter((l) => /check/i.test(l)).slice(0, 20).join("\n"));
await host.powerOff(); process.exit(0);
