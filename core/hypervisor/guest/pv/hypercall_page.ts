/** The page through which a PV guest makes its hypercalls. */
import { HYPERVISOR_iret } from "../../../abi/xen";

const ENTRY_SIZE: u32 = 32;
const ENTRIES: u32 = 128;

/**
 * Writes the hypercall page: entry n at 32 n is push rcx; push r11; mov eax, n; syscall; pop r11; pop rcx; ret. The entry of iret pushes RAX too and
 * does not return: what it pushes is the beginning of struct iret_context.
 */
export function pvFillHypercallPage(page: usize): void {
  memory.fill(page, 0xcc, 4096);
  for (let n: u32 = 0; n < ENTRIES; n++) {
    const at = page + n * ENTRY_SIZE;
    // push %rcx; push %r11
    store<u8>(at, 0x51);
    store<u16>(at, 0x5341, 1);
    if (n == <u32>HYPERVISOR_iret) {
      // push %rax; mov $23,%eax; syscall
      store<u8>(at, 0x50, 3);
      store<u8>(at, 0xb8, 4);
      store<u32>(at, n, 5);
      store<u16>(at, 0x050f, 9);
      continue;
    }
    // mov $n,%eax; syscall; pop %r11; pop %rcx; ret
    store<u8>(at, 0xb8, 3);
    store<u32>(at, n, 4);
    store<u16>(at, 0x050f, 8);
    store<u16>(at, 0x5b41, 10);
    store<u8>(at, 0x59, 12);
    store<u8>(at, 0xc3, 13);
  }
}
