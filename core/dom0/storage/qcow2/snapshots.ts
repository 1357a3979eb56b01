/** Reads the list of an image's internal snapshots, which `qemu-img snapshot -l` prints. */
import { StoreError } from "../block-store.ts";
import type { HostFile } from "../host-file.ts";
import type { Qcow2Header } from "./header.ts";

export interface Snapshot {
  readonly id: string;
  readonly name: string;
  /** Seconds since 1970. */
  readonly time: number;
  /** Bytes of saved memory; 0 for a snapshot of the disk alone. */
  readonly stateBytes: number;
  readonly l1Offset: number;
  readonly l1Size: number;
}

const SNAPSHOTS_MAX = 65536;
const TABLE_BYTES_MAX = 64 << 20;
const FIXED = 40;

export async function readSnapshots(file: HostFile, header: Qcow2Header): Promise<Snapshot[]> {
  const { snapshotCount, snapshotsOffset } = header;
  if (!snapshotCount) return [];
  const damaged = () => new StoreError("EINVAL", `${file.path}: its list of snapshots is damaged`);
  const left = file.end - snapshotsOffset;
  if (snapshotCount > SNAPSHOTS_MAX || left <= 0) throw damaged();
  const bytes = new Uint8Array(Math.min(left, TABLE_BYTES_MAX, snapshotCount * 4096));
  await file.read(snapshotsOffset, [bytes]);
  const view = new DataView(bytes.buffer);
  const snapshots: Snapshot[] = [];
  for (let at = 0; snapshots.length < snapshotCount;) {
    if (at + FIXED > bytes.length) throw damaged();
    const idLength = view.getUint16(at + 12);
    const nameLength = view.getUint16(at + 14);
    const extra = view.getUint32(at + 36);
    const end = at + FIXED + extra + idLength + nameLength;
    if (end > bytes.length) throw damaged();
    const id = Buffer.from(bytes.subarray(end - idLength - nameLength, end - nameLength)).toString("utf8");
    const large = extra >= 8 ? Number(view.getBigUint64(at + FIXED)) : view.getUint32(at + 32);
    snapshots.push({
      id,
      name: Buffer.from(bytes.subarray(end - nameLength, end)).toString("utf8"),
      time: view.getUint32(at + 16),
      stateBytes: large,
      l1Offset: Number(view.getBigUint64(at)),
      l1Size: view.getUint32(at + 8),
    });
    at = (end + 7) & ~7;
  }
  return snapshots;
}
