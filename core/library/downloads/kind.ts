/** Guesses from a file's name what the file is; whoever fetches it may say otherwise. Runs in browsers too. */
export function kindOf(name: string): "kernel" | "ramdisk" | "disk" {
  if (/^(vmlinu[xz]|bzimage|linux|kernel)\b|\.elf$/i.test(name)) return "kernel";
  if (/^(initrd|initramfs)|\.cpio(\.|$)/i.test(name)) return "ramdisk";
  return "disk";
}
