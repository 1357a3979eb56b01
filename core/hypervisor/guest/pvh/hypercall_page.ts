/** The page through which a PVH guest that does not execute VMCALL itself makes its hypercalls. */
import { HYPERVISOR_iret } from "../../../abi/xen";

const ENTRY_SIZE: u32 = 32;
const ENTRIES: u32 = 128;

/** Writes it: entry n at 32 n. mov eax, n; vmcall; ret. iret is of PV guests only: ud2. */
export function pvhFillHypercallPage(page: usize): void {
  memory.fill(page, 0xcc, 4096);
  for (let n: u32 = 0; n < ENTRIES; n++) {
    const at = page + n * ENTRY_SIZE;
    if (n == <u32>HYPERVISOR_iret) {
      store<u16>(at, 0x0b0f);
      continue;
    }
    store<u8>(at, 0xb8);
    store<u32>(at, n, 1);
    // vmcall: 0f 01 c1
    store<u16>(at, 0x010f, 5);
    store<u8>(at, 0xc1, 7);
    store<u8>(at, 0xc3, 8);
  }
}
