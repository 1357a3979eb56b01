import * as abi from "../../abi/xen";

/** VMASST_TYPE_* that a 64-bit PV guest may turn on. */
export const VM_ASSISTS_PV64: u64 =
  ((<u64>1) << (<u64>abi.VMASST_TYPE_4gb_segments)) |
  ((<u64>1) << (<u64>abi.VMASST_TYPE_4gb_segments_notify)) |
  ((<u64>1) << (<u64>abi.VMASST_TYPE_writable_pagetables)) |
  ((<u64>1) << (<u64>abi.VMASST_TYPE_pae_extended_cr3)) |
  ((<u64>1) << (<u64>abi.VMASST_TYPE_architectural_iopl)) |
  ((<u64>1) << (<u64>abi.VMASST_TYPE_runstate_update_flag)) |
  ((<u64>1) << (<u64>abi.VMASST_TYPE_m2p_strict));
