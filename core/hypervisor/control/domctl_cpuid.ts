/**
 * XEN_DOMCTL_get_cpu_policy and set_cpu_policy: what CPUID says to a domain, as leaves. Of a policy that is set, its features count (guest/features.ts); the
 * rest of CPUID is as the machine is. There are no MSRs in a policy. `u` is the operation's structure in hypervisor memory.
 */
import {
  CPUID_LEAF_A,
  CPUID_LEAF_B,
  CPUID_LEAF_C,
  CPUID_LEAF_D,
  CPUID_LEAF_SIZE,
  CPUID_LEAF_SUBLEAF,
  XEN_CPUID_NO_SUBLEAF,
} from "../../abi/arch_x86";
import {
  DOMCTL_CPU_POLICY_ERR_LEAF,
  DOMCTL_CPU_POLICY_ERR_MSR,
  DOMCTL_CPU_POLICY_ERR_SUBLEAF,
  DOMCTL_CPU_POLICY_LEAVES,
  DOMCTL_CPU_POLICY_MSRS,
  DOMCTL_CPU_POLICY_NR_LEAVES,
  DOMCTL_CPU_POLICY_NR_MSRS,
} from "../../abi/domctl";
import { E2BIG, EEXIST, EFAULT, EINVAL, ENOBUFS, ERANGE } from "../../abi/errno";
import { Domain, Vcpu, vcpuOf } from "../domain/domain";
import {
  FEATURE_WORDS,
  WORD_1C,
  WORD_1D,
  WORD_7B,
  WORD_7C,
  WORD_DA1,
  WORD_E1C,
  WORD_E1D,
  featureWord,
  setFeatures,
} from "../guest/features";
import { runsOnPcpus } from "../guest/type";
import { copyFromGuest, copyToGuest } from "../hypercall/guest_access";
import { threadScratch } from "../sched/pcpu";

/** Leaves that have features: 1, 7 with subleaf 0, D with subleaf 1, 80000001. */
const GIVEN: u32 = 4;
/** The most leaves of a policy that is set, more than CPUID has: a bound for the time of one call. */
const MOST_LEAVES: u32 = 256;
const NOTHING: u32 = 0xffffffff;

function leafAt(n: u32): u32 {
  return n == 0 ? 1 : n == 1 ? 7 : n == 2 ? 0xd : 0x80000001;
}
function subleafAt(n: u32): u32 {
  return n == 1 ? 0 : n == 2 ? 1 : <u32>XEN_CPUID_NO_SUBLEAF;
}
/** The word of features in a register of one of these leaves; NOTHING if there is none. `register`: 0 to 3 for EAX to EDX. */
function wordAt(n: u32, register: u32): u32 {
  if (n == 0) return register == 2 ? WORD_1C : register == 3 ? WORD_1D : NOTHING;
  if (n == 1) return register == 1 ? WORD_7B : register == 2 ? WORD_7C : NOTHING;
  if (n == 2) return register == 0 ? WORD_DA1 : NOTHING;
  return register == 2 ? WORD_E1C : register == 3 ? WORD_E1D : NOTHING;
}

/** Gives the leaves with features; the other registers in them are 0. 0 or -errno; the structure is copied back to the caller. */
export function getCpuPolicy(d: Domain, u: usize): i32 {
  const leaves = load<u64>(u, DOMCTL_CPU_POLICY_LEAVES);
  const room = load<u32>(u, DOMCTL_CPU_POLICY_NR_LEAVES);
  store<u32>(u, GIVEN, DOMCTL_CPU_POLICY_NR_LEAVES);
  store<u32>(u, 0, DOMCTL_CPU_POLICY_NR_MSRS);
  if (!leaves) return 0;
  if (room < GIVEN) return -ENOBUFS;
  const one = threadScratch();
  for (let n: u32 = 0; n < GIVEN; n++) {
    store<u32>(one, leafAt(n));
    store<u32>(one, subleafAt(n), CPUID_LEAF_SUBLEAF);
    for (let register: u32 = 0; register < 4; register++) {
      const word = wordAt(n, register);
      store<u32>(one + ((<usize>register) << 2), word == NOTHING ? 0 : featureWord(d, word), CPUID_LEAF_A);
    }
    if (!copyToGuest(leaves + <u64>n * CPUID_LEAF_SIZE, one, CPUID_LEAF_SIZE)) return -EFAULT;
  }
  return 0;
}

/**
 * Takes the features of a domain that has not run yet; those that its type can't have, or that need others that are missing, are left out, as in Xen.
 * 0; -EEXIST after it has run; -ERANGE for a leaf of another shape, which is then named in the structure. The structure is copied back to the caller.
 */
export function setCpuPolicy(d: Domain, u: usize): i32 {
  const count = load<u32>(u, DOMCTL_CPU_POLICY_NR_LEAVES);
  store<u32>(u, NOTHING, DOMCTL_CPU_POLICY_ERR_LEAF);
  store<u32>(u, NOTHING, DOMCTL_CPU_POLICY_ERR_SUBLEAF);
  store<u32>(u, NOTHING, DOMCTL_CPU_POLICY_ERR_MSR);
  if (!runsOnPcpus(d) || (load<u32>(u, DOMCTL_CPU_POLICY_NR_MSRS) && load<u64>(u, DOMCTL_CPU_POLICY_MSRS)))
    return -EINVAL;
  if (count > MOST_LEAVES) return -E2BIG;
  if (hasRun(d)) return -EEXIST;
  const words = threadScratch();
  const one = words + ((<usize>FEATURE_WORDS + 1) << 2);
  for (let word: u32 = 0; word < FEATURE_WORDS; word++) store<u32>(words + ((<usize>word) << 2), featureWord(d, word));
  for (let n: u32 = 0; n < count; n++) {
    const from = load<u64>(u, DOMCTL_CPU_POLICY_LEAVES) + <u64>n * CPUID_LEAF_SIZE;
    if (!copyFromGuest(one, from, CPUID_LEAF_SIZE)) return -EFAULT;
    if (!takeLeaf(words, one)) {
      store<u32>(u, load<u32>(one), DOMCTL_CPU_POLICY_ERR_LEAF);
      store<u32>(u, load<u32>(one, CPUID_LEAF_SUBLEAF), DOMCTL_CPU_POLICY_ERR_SUBLEAF);
      return -ERANGE;
    }
  }
  setFeatures(d, words);
  return 0;
}

/** Returns false for a leaf that has subleaves and names none, or the reverse. */
function takeLeaf(words: usize, one: usize): bool {
  const leaf = load<u32>(one);
  const subleaf = load<u32>(one, CPUID_LEAF_SUBLEAF);
  for (let n: u32 = 0; n < GIVEN; n++) {
    if (leafAt(n) != leaf) continue;
    if ((subleafAt(n) == <u32>XEN_CPUID_NO_SUBLEAF) != (subleaf == <u32>XEN_CPUID_NO_SUBLEAF)) return false;
    if (subleafAt(n) != subleaf) continue;
    for (let register: u32 = 0; register < 4; register++) {
      const word = wordAt(n, register);
      if (word != NOTHING)
        store<u32>(words + ((<usize>word) << 2), load<u32>(one + ((<usize>register) << 2), CPUID_LEAF_A));
    }
  }
  return true;
}

/** Whether one of its vCPUs has been on a pCPU. */
function hasRun(d: Domain): bool {
  for (let id: u32 = 0; id < d.maxVcpus; id++) {
    const v = vcpuOf(d, id);
    if (v && (v as Vcpu).scheduled) return true;
  }
  return false;
}

if (CPUID_LEAF_B != CPUID_LEAF_A + 4 || CPUID_LEAF_C != CPUID_LEAF_A + 8 || CPUID_LEAF_D != CPUID_LEAF_A + 12)
  ERROR("the registers of a leaf do not follow each other");
