/** Runs Debian's kernel as a guest of a host that is on. */
import { readFileSync } from "node:fs";
import { expect } from "vitest";
import type { HostService } from "../../core/api/host-service.ts";
import { debianKernel, initramfs } from "../guests/images.ts";

/** Returns its domid as soon as its shell is ready. */
export async function startDebian({ toolstack }: Pick<HostService, "toolstack">): Promise<number> {
  const { domid } = await toolstack.request("create", {
    config: 'name = "linux"\nkernel = "k"\nramdisk = "r"\ncmdline = "console=hvc0"\nmemory = 256\n',
    files: { k: readFileSync(debianKernel()), r: readFileSync(initramfs("shell")) },
  });
  const ready = async (): Promise<boolean> => {
    const { log } = await toolstack.request("consoleAttach", { domid });
    return Buffer.from(log).includes("GUEST-READY");
  };
  await expect.poll(ready, { timeout: 60_000, interval: 500 }).toBe(true);
  return domid;
}
