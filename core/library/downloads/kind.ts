/** What a file of that name is likely to be: who fetches it may say otherwise. For browsers too. */
export function kindOf(name: string): "kernel" | "ramdisk" | "disk" {
  if (/^(vmlinu[xz]|bzimage|linux|kernel)\b|\.elf$/i.test(name)) return "kernel";
  if (/^(initrd|initramfs)|\.cpio(\.|$)/i.test(name)) return "ramdisk";
  return "disk";
}
