/** Writes the xl.cfg of a guest that was fetched. */
import { writeDisk } from "../dom0/backends/blk/spec-text.ts";
import { writeVif } from "../dom0/backends/net/spec-text.ts";
import type { Guest } from "../library/downloads/guest-schema.ts";
import { withItem, withValue } from "./config-text.ts";
import type { FetchedFile } from "./fetching.ts";

/** A fetched file and, if it is an image, what kind of image. */
export interface GuestPart extends Pick<FetchedFile, "role" | "path"> {
  readonly format: string;
}

export function guestConfig(guest: Guest, name: string, parts: readonly GuestPart[]): string {
  let text = `# ${guest.name}, fetched from the web.\n`;
  const set = (key: string, value: string): void => {
    text = withValue(text, key, value);
  };
  set("name", name);
  const kernel = parts.find(({ role }) => role === "kernel");
  const ramdisk = parts.find(({ role }) => role === "ramdisk");
  if (kernel) set("kernel", kernel.path);
  // The system installed on its first disk is booted.
  else set("bootloader", "pygrub");
  if (ramdisk) set("ramdisk", ramdisk.path);
  if (guest.cmdline) set("cmdline", guest.cmdline);
  set("memory", String(guest.memory));
  set("vcpus", String(guest.vcpus ?? 1));
  parts
    .filter(({ role }) => role === "disk" || role === "cd")
    .forEach(({ role, path: target, format }, i) => {
      const vdev = `xvd${String.fromCharCode(97 + i)}`;
      const base = { target, format, vdev, backend: "", discard: true, trusted: true, script: "", disposable: false };
      const disk = role === "cd" ? { ...base, access: "", devtype: "cdrom" } : { ...base, access: "rw", devtype: "" };
      text = withItem(text, "disk", i, writeDisk(disk));
    });
  if (guest.network !== false) text = withItem(text, "vif", 0, writeVif(new Map([["bridge", "xenbr0"]])));
  return text;
}
