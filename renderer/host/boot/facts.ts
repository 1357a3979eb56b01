/** What a stage of the boot has built, as terms and values. All of them were read from the host. */
import type { BootReport } from "../../../core/api/schema.ts";

const address = (value: number): string => `0x${value.toString(16)}`;
const range = (from: number, to: number): string => `${address(from)} to ${address(to - 1)}`;

function size(bytes: number): string {
  if (bytes >= 2 ** 20) return `${Number((bytes / 2 ** 20).toFixed(1))} MiB`;
  return bytes >= 1024 ? `${Number((bytes / 1024).toFixed(1))} KiB` : `${bytes} bytes`;
}

/** The SIF_* flags of struct start_info. */
const START_INFO_FLAGS = ["SIF_PRIVILEGED", "SIF_INITDOMAIN", "SIF_MULTIBOOT_MOD", "SIF_MOD_START_PFN"];

type Facts = [term: string, value: string][];

export function stageFacts(
  { name, parts }: BootReport["stages"][number],
  { handover, built }: BootReport,
  entry: string,
): Facts {
  const facts: Facts = [];
  if (name === "firmware" && handover) {
    const { pcpus, memoryOrder, wallClock, e820 } = handover;
    facts.push(["pCPUs", String(pcpus)]);
    facts.push(["Memory order", memoryOrder === "x86" ? "x86’s" : "weaker than x86’s: one pCPU for each domain"]);
    facts.push(["Wall clock", new Date(wallClock).toISOString().replace("T", " ").replace("Z", " UTC")]);
    for (const { from, to, type } of e820) facts.push([`e820 ${type}`, `${range(from, to)}, ${size(to - from)}`]);
  }
  if (name === "boot menu") {
    facts.push(["Entry", entry]);
    if (handover) {
      facts.push(["Xen’s command line", handover.cmdline]);
      for (const module of handover.modules)
        facts.push(["Module loaded", `${module.name}, ${size(module.bytes)}: Xen’s image`]);
    }
  }
  if (name === "hypervisor") {
    parts.forEach(({ name: part, end }, i) => {
      const before = parts[i - 1];
      facts.push([
        part,
        before
          ? `after another ${((end - before.end) / 1e6).toFixed(1)} ms`
          : `${(end / 1e6).toFixed(1)} ms after power-on`,
      ]);
    });
    if (built) {
      const { memory, freeFrames } = built;
      const { frameTable, m2p } = memory;
      facts.push([
        "Frame table",
        `${memory.frames} entries at ${address(frameTable.address)}, ${size(frameTable.bytes)}`,
      ]);
      facts.push(["Machine-to-physical table", `at ${address(m2p.address)}, ${size(m2p.bytes)}`]);
      facts.push(["Heap", `from frame ${address(memory.firstHeapFrame)} on`]);
      facts.push(["Xen heap now", `${memory.xenHeapFrames} frames, ${size(memory.xenHeapFrames * 4096)}`]);
      facts.push(["Free now", `${freeFrames} frames, ${size(freeFrames * 4096)}`]);
    }
  }
  if (name === "dom0" && built) {
    const { from, to, startInfo, magic, pages, sharedInfo, flags } = built.dom0;
    const names = START_INFO_FLAGS.filter((_, bit) => (flags >>> bit) & 1);
    facts.push(["Memory", `${range(from, to)}, ${size(to - from)}`]);
    facts.push(["start_info", `at ${address(startInfo)}, “${magic}”, ${pages} pages`]);
    facts.push(["Flags", names.join(", ") || "none"]);
    facts.push(["Shared info", `at ${address(sharedInfo)}`]);
  }
  if (name === "xenstored" && built) facts.push(["Nodes now", String(built.storeNodes)]);
  return facts;
}
