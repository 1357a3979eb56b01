/** Tells the invariant checker the frames that PV vCPUs hold: page-table roots and descriptor pages. */
import { Domain, VCPU_GDT_FRAMES, Vcpu, vcpuOf } from "../../domain/domain";
import { expectReference } from "../../memory/expected";
import { PGT_l4_page_table, PGT_seg_desc_page } from "../../memory/frames";
import { GDT_PAGES, LDT_PAGES, perdomainMapped } from "../../memory/perdomain";

export function countHeldByPv(d: Domain): void {
  for (let i: u32 = 0; i < d.maxVcpus; i++) {
    const v = vcpuOf(d, i);
    if (v != null) countVcpu(v);
  }
}

function countVcpu(v: Vcpu): void {
  if (v.kernelCr3) expectReference(v.kernelCr3, PGT_l4_page_table);
  if (v.userCr3) expectReference(v.userCr3, PGT_l4_page_table);
  for (let i: u32 = 0; i < 16; i++) {
    const mfn = load<u32>(changetype<usize>(v) + VCPU_GDT_FRAMES + i * 4);
    if (mfn) expectReference(mfn, PGT_seg_desc_page);
  }
  for (let i: u32 = 0; i < LDT_PAGES; i++) {
    const mfn = perdomainMapped(v.domid, v.vcpuId, GDT_PAGES + i);
    if (mfn) expectReference(mfn, PGT_seg_desc_page);
  }
}
