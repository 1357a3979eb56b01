/** What is to be attached to a running domain. A drop, a button or a menu asks for it, and a dialog carries it out. */
import { create } from "zustand";
import type { DomainInfo } from "../../core/api/schema.ts";
import { isHeldElsewhere } from "../create/devices.ts";

/** Keys of xl.cfg. */
export type AttachKey = "disk" | "vif" | "vkb" | "p9";
export interface AttachAsked {
  domid: number;
  key: AttachKey;
  /** The image that was dropped. */
  file: File | null;
  /** The drive whose medium is to be changed, or null if none was named. */
  drive: string | null;
}

export const useAttach = create<{ asked: AttachAsked | null }>()(() => ({ asked: null }));

export function askAttach(domid: number, key: AttachKey, given: Partial<AttachAsked> = {}): void {
  useAttach.setState({ asked: { domid, key, file: null, drive: null, ...given } });
}
export function closeAttach(): void {
  useAttach.setState({ asked: null });
}

export interface DomainDisk {
  /** The name that the guest uses. */
  vdev: string;
  /** Whether it is a drive whose medium can be changed from here: only dom0's can be, and not those of driver domains. */
  isDrive: boolean;
  /** "" for an empty drive. */
  image: string;
}

/** Returns the disks of a domain as it is configured now. */
export function disksOfDomain(domain: DomainInfo | undefined): DomainDisk[] {
  return (domain?.config?.devices ?? []).flatMap(({ kind, back, backend }) =>
    kind === "vbd"
      ? [
          {
            vdev: String(back.dev),
            isDrive: back["device-type"] === "cdrom" && !isHeldElsewhere({ backend }),
            image: String(back.params ?? "").replace(/^[a-z0-9]+:/, ""),
          },
        ]
      : [],
  );
}
