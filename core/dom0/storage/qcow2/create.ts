/** Makes new qcow2 images: empty ones, and overlays over another image. */
import { SECTOR_BYTES, StoreError } from "../block-store.ts";
import { HostFile } from "../host-file.ts";
import { writeHeader } from "./header.ts";
import { setCount } from "./refcounts.ts";
import { Table } from "./tables.ts";

export interface NewImage {
  readonly path: string;
  /** Size in bytes, a multiple of 512. */
  readonly size: number;
  /** The size of a cluster is 2 to the power of this; 64 KiB if it is left out. */
  readonly clusterBits?: number;
  /** The image that is shown where nothing was written yet, with the path that the new image's header is to have. */
  readonly backing?: { readonly file: string; readonly format: "raw" | "qcow2" | "vpc" | "vmdk" };
}

const COUNT_ORDER = 4;
/** QEMU's own bound on L1 tables: 32 MiB, which is 2 PiB with 64 KiB clusters. */
const L1_BYTES_MAX = 32 << 20;

/** Makes an image; the file must not exist. When it resolves the image is complete; if it rejects, the caller removes it. */
export async function createQcow2({ path, size, clusterBits = 16, backing }: NewImage): Promise<void> {
  if (!Number.isSafeInteger(size) || size < 0 || size % SECTOR_BYTES)
    throw new StoreError(
      "EINVAL",
      `a disk of ${size} bytes is not possible: the size must be a multiple of ${SECTOR_BYTES}`,
    );
  const clusterSize = 2 ** clusterBits;
  const l1Size = Math.max(1, Math.ceil(size / (clusterSize * (clusterSize / 8))));
  if (l1Size * 8 > L1_BYTES_MAX)
    throw new StoreError("EFBIG", `a disk of ${size} bytes is too large for clusters of ${clusterSize} bytes`);
  const l1Clusters = Math.ceil((l1Size * 8) / clusterSize);
  // The table of reference counts is made large enough at once for all that the disk can ever hold: data, its tables, and the counts themselves.
  const perBlock = (clusterSize * 8) >> COUNT_ORDER;
  const most = Math.ceil((size / clusterSize) * (1 + 8 / clusterSize)) + l1Clusters + 64;
  const tableClusters = Math.ceil((Math.ceil((most * (1 + 2 / perBlock)) / perBlock) * 8) / clusterSize);
  const used = 1 + tableClusters + l1Clusters;
  let blocks = 1;
  while (blocks * perBlock < used + blocks) blocks++;
  const tableOffset = clusterSize;
  const blocksOffset = tableOffset + tableClusters * clusterSize;
  const l1Offset = blocksOffset + blocks * clusterSize;
  const header = writeHeader({
    ...{ clusterBits, size, l1Size, l1Offset },
    refcountTableOffset: tableOffset,
    refcountTableClusters: tableClusters,
    backing: backing ?? null,
  });
  const table = new Table(new Uint8Array(tableClusters * clusterSize));
  const counts = new Uint8Array(blocks * clusterSize);
  for (let i = 0; i < blocks; i++) table.set(i, blocksOffset + i * clusterSize, false);
  for (let cluster = 0; cluster < used + blocks; cluster++) setCount(counts, cluster, COUNT_ORDER, 1);
  const file = await HostFile.open(path, "create");
  try {
    await file.write(0, [header, table.bytes, counts, new Uint8Array(l1Clusters * clusterSize)]);
    await file.flush();
  } finally {
    await file.close();
  }
}
