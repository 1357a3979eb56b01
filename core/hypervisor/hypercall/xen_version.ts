/** HYPERVISOR_xen_version: what this hypervisor says it is. */
import { BOOT_CMDLINE, BOOT_CMDLINE_SIZE } from "../../machine/layout";
import { EFAULT, EINVAL, ENODATA, ENOSYS, EPERM } from "../../abi/errno";
import {
  XENFEAT_NR_SUBMAPS,
  XENFEAT_auto_translated_physmap,
  XENFEAT_direct_mapped,
  XENFEAT_dom0,
  XENFEAT_gnttab_map_avail_bits,
  XENFEAT_highmem_assist,
  XENFEAT_hvm_callback_vector,
  XENFEAT_hvm_safe_pvclock,
  XENFEAT_memory_op_vnode_supported,
  XENFEAT_mmu_pt_update_preserve_ad,
  XENFEAT_not_direct_mapped,
  XENFEAT_pae_pgdir_above_4gb,
  XENFEAT_writable_page_tables,
} from "../../abi/features";
import {
  FEATURE_INFO_SUBMAP,
  FEATURE_INFO_SUBMAP_IDX,
  XENVER_build_id,
  XENVER_capabilities,
  XENVER_changeset,
  XENVER_commandline,
  XENVER_compile_info,
  XENVER_extraversion,
  XENVER_get_features,
  XENVER_guest_handle,
  XENVER_pagesize,
  XENVER_platform_parameters,
  XENVER_version,
} from "../../abi/version";
import { VMASST_TYPE_pae_extended_cr3 } from "../../abi/xen";
import { XEN_MAJOR, XEN_MINOR } from "../abi/implied";
import { DOMAIN_HARDWARE, Domain, currentVcpu, isPrivileged } from "../domain/domain";
import { hasSecondStage } from "../guest/type";
import { threadScratch } from "../sched/pcpu";
import {
  clearGuest,
  clearGuestFault,
  copyToGuest,
  guestFault,
  readGuest32,
  writeGuest32,
  writeGuest64,
} from "./guest_access";

const VIRT_START: u64 = 0xffff800000000000;

/** Writes a literal of at most 255 characters as ASCII with a terminating zero. Returns its length without that. */
export function textTo(to: usize, text: string): u32 {
  const length = <u32>text.length;
  for (let i: u32 = 0; i < length; i++) store<u8>(to + i, load<u8>(changetype<usize>(text) + (i << 1)));
  store<u8>(to + length, 0);
  return length;
}

/** Writes a text field of fixed size at a guest address, filled with zeros. */
function putText(guest: u64, text: string, size: u32): bool {
  const at = threadScratch();
  const length = textTo(at, text) + 1;
  return clearGuest(guest, size) && copyToGuest(guest, at, min<u32>(length, size));
}

function putCommandLine(guest: u64): bool {
  let length: u32 = 0;
  while (length < 1023 && length < <u32>BOOT_CMDLINE_SIZE && load<u8>(BOOT_CMDLINE + length)) length++;
  return clearGuest(guest, 1024) && copyToGuest(guest, BOOT_CMDLINE, length);
}

/** The features of a domain with a second stage. XENFEAT_hvm_pirqs is not among them, because nothing here has physical interrupts. */
function translatedFeatures(): u32 {
  return (
    (1 << XENFEAT_writable_page_tables) |
    (1 << XENFEAT_auto_translated_physmap) |
    (1 << XENFEAT_hvm_callback_vector) |
    (1 << XENFEAT_hvm_safe_pvclock) |
    (1 << XENFEAT_memory_op_vnode_supported) |
    (1 << XENFEAT_not_direct_mapped)
  );
}

function features(d: Domain): u32 {
  if (hasSecondStage(d)) return translatedFeatures();
  // What Xen 4.17 tells any 64-bit PV domain.
  let map: u32 =
    (1 << XENFEAT_memory_op_vnode_supported) |
    (1 << XENFEAT_mmu_pt_update_preserve_ad) |
    (1 << XENFEAT_highmem_assist) |
    (1 << XENFEAT_gnttab_map_avail_bits) |
    (1 << XENFEAT_direct_mapped);
  if ((d.vmAssist >> (<u64>VMASST_TYPE_pae_extended_cr3)) & 1) map |= 1 << XENFEAT_pae_pgdir_above_4gb;
  if (d.flags & DOMAIN_HARDWARE) map |= 1 << XENFEAT_dom0;
  return map;
}

function done(ok: bool): i64 {
  return ok ? 0 : -EFAULT;
}

export function doXenVersion(cmd: u64, arg: u64): i64 {
  const d = currentVcpu.domain;
  switch (<u32>cmd) {
    case XENVER_version:
      return (XEN_MAJOR << 16) | XEN_MINOR;
    case XENVER_extraversion:
      return done(putText(arg, ".5-xenarium", 16));
    case XENVER_compile_info:
      return done(
        putText(arg, "AssemblyScript 0.28", 64) &&
          putText(arg + 64, "xenarium", 16) &&
          putText(arg + 80, "xenarium", 32) &&
          putText(arg + 112, "unknown", 32),
      );
    case XENVER_capabilities:
      return done(putText(arg, "xen-3.0-x86_64 hvm-3.0-x86_64 ", 1024));
    case XENVER_changeset:
      return done(putText(arg, "unavailable", 64));
    case XENVER_platform_parameters:
      return done(writeGuest64(arg, VIRT_START));
    case XENVER_get_features: {
      clearGuestFault();
      const submap = readGuest32(arg + FEATURE_INFO_SUBMAP_IDX);
      if (guestFault) return -EFAULT;
      if (submap >= <u32>XENFEAT_NR_SUBMAPS) return -EINVAL;
      return done(writeGuest32(arg + FEATURE_INFO_SUBMAP, features(d)));
    }
    case XENVER_pagesize:
      return arg ? -EINVAL : 4096;
    case XENVER_guest_handle:
      return done(copyToGuest(arg, changetype<usize>(d) + offsetof<Domain>("handle0"), 16));
    case XENVER_commandline:
      if (!isPrivileged(d)) return done(putText(arg, "<denied>", 1024));
      return done(putCommandLine(arg));
    case XENVER_build_id:
      return isPrivileged(d) ? -ENODATA : -EPERM;
    default:
      return -ENOSYS;
  }
}
