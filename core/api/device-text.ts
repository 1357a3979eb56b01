/** Specifications of disks and interfaces as words, and the recognition of images by their first bytes. Runs in browsers too. */
export { SNIFF_BYTES, sniffDisk, type SniffedDisk } from "../dom0/storage/sniff.ts";
export { readDisk, writeDisk, type Disk } from "../dom0/backends/blk/spec-text.ts";
export { vdevNumber } from "../dom0/backends/blk/vdev.ts";
export { readFolder, writeFolder } from "../dom0/backends/9p/spec-text.ts";
export { readVif, writeVif } from "../dom0/backends/net/spec-text.ts";
export { SpecError } from "../dom0/xenbus/kind.ts";
