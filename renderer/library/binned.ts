/** What lies in the bin: the host's lists of each kind of thing that can be deleted, as one. */
import type { BinnedFile } from "../../core/api/schema.ts";
import { goneForGood } from "../domain/goes-with.ts";
import { act, request, sentence } from "../state/session.ts";
import { snapshotsText } from "../snapshots/words.ts";

export interface BinItem {
  /** Another one for each thing. */
  key: string;
  name: string;
  /** What it is, as “Snapshot of web”. */
  kind: string;
  deletedAt: number;
  goneAt: number;
  bytes: number;
  /** A sentence that says what goes if it is removed for good. */
  last: string;
  putBack: () => Promise<unknown>;
  purge: () => Promise<unknown>;
}

export interface BinContent {
  items: BinItem[];
  /** A sentence for each kind that could not be listed. */
  failures: string[];
}

interface Kind {
  /** More than one of them. */
  plural: string;
  list: () => Promise<BinItem[]>;
  /** Removes all of them for good. */
  purgeAll: () => Promise<unknown>;
}

/** Files that the host keeps in a folder. */
function files(
  kind: string,
  plural: string,
  [bin, restore, purge]: readonly [
    "imageBin" | "kernelBin" | "captureBin",
    "imageRestore" | "kernelRestore" | "captureRestore",
    "imagePurge" | "kernelPurge" | "capturePurge",
  ],
): Kind {
  const item = ({ id, ...each }: BinnedFile): BinItem => ({
    ...each,
    ...{ kind, key: `${bin} ${id}`, last: `The file is removed.` },
    putBack: () => act(restore, { id }),
    purge: () => act(purge, { id }),
  });
  return {
    plural,
    list: async () => (await request(bin, {})).map(item),
    purgeAll: () => act(purge, {}),
  };
}

/** In the order in which they go: what lies there of a domain or a snapshot may need images and kernels that lie there. */
const KINDS: readonly Kind[] = [
  {
    plural: "domains",
    list: async () =>
      (await request("binList", {})).map(({ id, name, deletedAt, goneAt, bytes, ...goes }) => ({
        ...{ name, deletedAt, goneAt, bytes },
        kind: goes.snapshots === 0 ? "Domain" : `Domain with ${snapshotsText(goes.snapshots)}`,
        key: `domain ${id}`,
        last: goneForGood(goes),
        putBack: () => act("binRestore", { id }),
        purge: () => act("binPurge", { id }),
      })),
    purgeAll: () => act("binPurge", {}),
  },
  {
    plural: "snapshots",
    list: async () =>
      (await request("snapshotBin", {})).map(({ id: snapshot, uuid, domain, hasMemory: _, ...each }) => ({
        ...each,
        ...{ kind: `Snapshot of ${domain}`, key: `snapshot ${uuid} ${snapshot}` },
        last: `The snapshot is removed, and its disks are merged into what came after it. ${domain} stays as it is.`,
        putBack: () => act("snapshotRestore", { uuid, snapshot }),
        purge: () => act("snapshotPurge", { uuid, snapshot }),
      })),
    purgeAll: () => act("snapshotPurge", {}),
  },
  files("Disk image", "disk images", ["imageBin", "imageRestore", "imagePurge"]),
  files("Kernel or RAM disk", "kernels and RAM disks", ["kernelBin", "kernelRestore", "kernelPurge"]),
  files("Captured traffic", "captures", ["captureBin", "captureRestore", "capturePurge"]),
];

/** The latest first. What is in one of the host's lists is shown also if another can't be had. */
export async function look(): Promise<BinContent> {
  const failures: string[] = [];
  const found = KINDS.map(({ plural, list }) =>
    list().catch((error: unknown): BinItem[] => {
      failures.push(`Deleted ${plural} can’t be listed. ${sentence(error)}`);
      return [];
    }),
  );
  const items = (await Promise.all(found)).flat();
  return { items: items.sort((a, b) => b.deletedAt - a.deletedAt), failures };
}

export async function purgeAll(): Promise<void> {
  for (const kind of KINDS) await kind.purgeAll();
}
