/** PV kernels of a line or two, for a guest without console and traps. */
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { temporaryFolder } from "../temporary.ts";

const mini = path.resolve(import.meta.dirname, "../../assets/guests/mini");

/** A PV kernel that does only what `body` says, which is C code with the bundled guest's hypercalls. Returns an ELF file. Needs gcc. */
export function smallKernel(body: string): string {
  const folder = temporaryFolder("small-kernel");
  const source = path.join(folder, "main.c");
  writeFileSync(
    source,
    `#include "xen.h"
    struct start_info *start_info; struct shared_info *shared_info; u32 vcpus_online; volatile u64 ticks[MAX_VCPUS];
    void events_dispatch(void) {} void trap(struct registers *r) { (void)r; } void vcpu_main(u32 me) { (void)me; }
    static void shutdown(u32 reason) { for (;;) hypercall(HYPERVISOR_sched_op, SCHEDOP_shutdown, (u64)&reason, 0, 0); }
    void main(struct start_info *info) { (void)info; (void)shutdown; ${body} }\n`,
  );
  const elf = path.join(folder, "kernel.elf");
  const flags =
    "-O1 -ffreestanding -fno-stack-protector -fno-pic -fno-pie -mcmodel=kernel -mno-red-zone -mgeneral-regs-only " +
    "-fno-asynchronous-unwind-tables -fcf-protection=none -nostdlib -static -no-pie -Wl,--build-id=none " +
    "-Wl,-z,max-page-size=4096 -Wl,-z,noexecstack -Wl,--no-warn-rwx-segments";
  const files = [source, path.join(mini, "entry.S")];
  execFileSync("gcc", [...flags.split(" "), `-I${mini}`, "-T", path.join(mini, "mini.lds"), "-o", elf, ...files]);
  return elf;
}
