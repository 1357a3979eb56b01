/** The page through which a PVH guest makes its hypercalls if it does not execute VMCALL itself. */
import { HYPERVISOR_iret } from "../../../abi/xen";

const ENTRY_SIZE: u32 = 32;
const ENTRIES: u32 = 128;
const MOV_EAX: u64 = 0xb8;
const VMCALL_BEGINS: u64 = 0x010f0000000000;
const VMCALL_ENDS: usize = 7;
const RET_AT: usize = 8;

/** Writes the page: entry n at 32 n is mov eax, n; vmcall; ret. The entry of iret, which only PV guests have, is ud2. */
export function pvhFillHypercallPage(page: usize): void {
  memory.fill(page, 0xcc, 4096);
  for (let n: u32 = 0; n < ENTRIES; n++) {
    const at = page + n * ENTRY_SIZE;
    if (n == <u32>HYPERVISOR_iret) {
      store<u16>(at, 0x0b0f);
      continue;
    }
    // b8 n: mov eax, n; 0f 01 c1: vmcall; c3: ret
    store<u64>(at, MOV_EAX | ((<u64>n) << 8) | VMCALL_BEGINS);
    store<u8>(at + VMCALL_ENDS, 0xc1);
    store<u8>(at + RET_AT, 0xc3);
  }
}
