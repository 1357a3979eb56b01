/** Which files a domain starts with, for everything that gives, copies, checks or deletes such files. */
import type { DomainConfig } from "./messages.ts";

/**
 * The files as the configuration names them, without those of devices. With a boot loader, kernel and RAM disk are files on the domain's first disk.
 */
export function bootFiles({ bootloader, kernel, ramdisk, shim }: DomainConfig): string[] {
  const own = bootloader ? [] : [kernel, ramdisk];
  return [...own, shim?.path].flatMap((file) => (file ? [file] : []));
}
