/** The xl.cfg of a domain that is exported or imported: finds what belongs to one computer, and replaces it for the other. */
import path from "node:path";
import { readDisk, writeDisk, type Disk } from "../../dom0/backends/blk/spec-text.ts";
import { SpecError } from "../../dom0/xenbus/kind.ts";
import { bootFiles } from "../../toolstack/boot-files.ts";
import { readConfig, withItem, withValue } from "../../toolstack/config-text.ts";
import { Refusal } from "../../toolstack/error.ts";
import { parseXlConfig } from "../../toolstack/xlcfg.ts";

/** A disk that has an image, with its place in the text's list. */
export interface NamedDisk {
  readonly index: number;
  readonly disk: Disk;
}

/** Throws Refusal EINVAL for a text that is not understood. */
export function namedDisks(config: string): NamedDisk[] {
  return (readConfig(config).lists.get("disk") ?? []).flatMap((text, index) => {
    try {
      const disk = readDisk(text);
      return disk.target === "" ? [] : [{ index, disk }];
    } catch (error) {
      if (!(error instanceof SpecError)) throw error;
      throw new Refusal("EINVAL", `The disk ${JSON.stringify(text)} is not understood: ${error.message}.`);
    }
  });
}

/** Returns the text with other images for its disks, in their order. */
export function withTargets(
  config: string,
  disks: readonly NamedDisk[],
  images: readonly { target: string; format: string }[],
): string {
  return disks.reduce(
    (text, { index, disk }, i) => withItem(text, "disk", index, writeDisk({ ...disk, ...images[i]! })),
    config,
  );
}

/**
 * Returns the keys that name a file of this computer, and what they name. With a boot loader, kernel and RAM disk are files on the first disk; the
 * shim of a PVH domain (`pvshim`) is a file of this computer even then.
 */
export function namedImages(config: string): { key: "kernel" | "ramdisk" | "pvshim_path"; file: string }[] {
  const { values } = readConfig(config);
  const boots = values.get("bootloader") ? [] : (["kernel", "ramdisk"] as const);
  const shim = parseXlConfig(config).config?.shim ? (["pvshim_path"] as const) : [];
  return [...boots, ...shim].flatMap((key) => {
    const file = values.get(key);
    return file ? [{ key, file }] : [];
  });
}

/**
 * Returns a foreign text with another name and no UUID. Throws Refusal where it can't be used, or names a file of this computer that did not come
 * with it.
 */
export function adopted(config: string, name: string, came: ReadonlySet<string>): string {
  const text = withValue(withValue(config, "uuid", null), "name", name);
  const { config: parsed, diagnostics } = parseXlConfig(text);
  if (!parsed) {
    const errors = diagnostics.filter(({ severity }) => severity === "error");
    throw new Refusal("EINVAL", `Its configuration can't be used: ${errors[0]?.message ?? "it is empty"}.`, errors);
  }
  for (const file of [...bootFiles(parsed), ...parsed.devices.flatMap(({ files }) => files)])
    if (!came.has(file))
      throw new Refusal(
        "EACCES",
        `Its configuration names ${path.basename(file)}, a file that did not come with it: it is refused.`,
      );
  for (const { folders = [], sockets = [] } of parsed.devices)
    for (const place of [...folders, ...sockets])
      throw new Refusal(
        "EACCES",
        `Its configuration shares ${place} of this computer with the domain: it is refused. Take the device out of it, and add it here.`,
      );
  for (const { kind, back } of parsed.devices)
    if (kind === "vfb" && back.vnc === 1 && !/^(localhost|127\.[\d.]+|::1)$/.test(String(back.vnclisten)))
      throw new Refusal(
        "EACCES",
        `Its configuration shows its screen to other computers (vnclisten is ${back.vnclisten}): it is refused. Take that out of it, and set it here.`,
      );
  return text;
}
