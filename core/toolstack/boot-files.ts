/** Which files a domain starts with, for all who give, copy, check or delete such files. */
import type { DomainConfig } from "./messages.ts";

/** As the configuration names them, without those of devices. With a boot loader, kernel and RAM disk are files on the domain's first disk. */
export function bootFiles({ bootloader, kernel, ramdisk, shim }: DomainConfig): string[] {
  const own = bootloader ? [] : [kernel, ramdisk];
  return [...own, shim?.path].flatMap((file) => (file ? [file] : []));
}
