/** What is to be attached to a domain that runs: asked for by a drop, a button or a menu, carried out in a dialog. */
import { create } from "zustand";
import type { DomainInfo } from "../../core/api/schema.ts";

export type AttachKey = "disk" | "vif";
export interface AttachAsked {
  /** Another time it was asked is another number: the same file may have been dropped again. */
  time: number;
  domid: number;
  key: AttachKey;
  /** An image that was dropped. */
  file: File | null;
  /** The drive whose medium is to be changed; null: nothing was said. */
  drive: string | null;
}

let times = 0;

export const useAttach = create<{ asked: AttachAsked | null }>()(() => ({ asked: null }));

export function askAttach(domid: number, key: AttachKey, given: Partial<AttachAsked> = {}): void {
  useAttach.setState({ asked: { time: ++times, domid, key, file: null, drive: null, ...given } });
}
export function closeAttach(): void {
  useAttach.setState({ asked: null });
}

export interface DomainDisk {
  /** As the guest calls it. */
  vdev: string;
  isCd: boolean;
  /** "" in an empty drive. */
  image: string;
}

/** The disks of a domain as it is configured now. */
export function disksOfDomain(domain: DomainInfo | undefined): DomainDisk[] {
  return (domain?.config?.devices ?? []).flatMap(({ kind, back }) =>
    kind === "vbd"
      ? [
          {
            vdev: String(back.dev),
            isCd: back["device-type"] === "cdrom",
            image: String(back.params ?? "").replace(/^[a-z0-9]+:/, ""),
          },
        ]
      : [],
  );
}
