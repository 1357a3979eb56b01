/** The words of the frame table, with the names that Xen gives them. */
import { DOMID_FIRST_RESERVED } from "../../abi/xen.ts";
import * as abi from "../../hypervisor/abi/inspect.ts";
import type { FrameWords } from "../../dom0/kernel/inspector.ts";
import type { FrameFacts } from "./report.ts";

/** From public/xen.h. */
const RESERVED: Record<number, string> = { 0x7ff1: "DOMID_IO", 0x7ff2: "Xen", 0x7ff3: "DOMID_COW" };
const TYPES: Record<number, string> = {
  0: "PGT_none",
  1: "PGT_l1_page_table",
  2: "PGT_l2_page_table",
  3: "PGT_l3_page_table",
  4: "PGT_l4_page_table",
  5: "PGT_seg_desc_page",
  7: "PGT_writable_page",
};
const INVALID_M2P = 0xffffffffffffffffn;

const isSet = (word: bigint, bit: number): boolean => ((word >> BigInt(bit)) & 1n) !== 0n;

export function frameFacts(mfn: number, { count, type, m2p }: FrameWords): FrameFacts {
  const owner = Number((count >> BigInt(abi.COUNT_OWNER_SHIFT)) & 0xffffn);
  const free = isSet(count, abi.COUNT_BIT_free);
  const named = Number((type >> BigInt(abi.TYPE_SHIFT)) & 0xffn);
  return {
    mfn,
    owner: free ? "free" : owner < DOMID_FIRST_RESERVED ? `domain ${owner}` : (RESERVED[owner] ?? "nobody"),
    domid: !free && owner < DOMID_FIRST_RESERVED ? owner : null,
    references: Number(count & 0xffffffffn),
    flags: [
      isSet(count, abi.COUNT_BIT_allocated) && "PGC_allocated",
      isSet(count, abi.COUNT_BIT_xen_heap) && "PGC_xen_heap",
      isSet(count, abi.COUNT_BIT_broken) && "PGC_broken",
    ].filter((flag) => flag !== false),
    type: TYPES[named] ?? `type ${named}`,
    typeReferences: Number(type & 0xffffffffn),
    typeFlags: [
      isSet(type, abi.TYPE_BIT_validated) && "PGT_validated",
      isSet(type, abi.TYPE_BIT_pinned) && "PGT_pinned",
      isSet(type, abi.TYPE_BIT_locked) && "PGT_locked",
    ].filter((flag) => flag !== false),
    pfn: m2p === INVALID_M2P || m2p > 0xffffffffn ? null : Number(m2p),
  };
}
