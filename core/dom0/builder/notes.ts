/** What a kernel's Xen notes say, checked, with the defaults of Xen's loader filled in. */
import { ImageError, type ElfImage, type XenNote } from "./elf.ts";

const NAMES = [
  "INFO",
  "ENTRY",
  "HYPERCALL_PAGE",
  "VIRT_BASE",
  "PADDR_OFFSET",
  "XEN_VERSION",
  "GUEST_OS",
  "GUEST_VERSION",
  "LOADER",
  "PAE_MODE",
  "FEATURES",
  "BSD_SYMTAB",
  "HV_START_LOW",
  "L1_MFN_VALID",
  "SUSPEND_CANCEL",
  "INIT_P2M",
  "MOD_START_PFN",
  "SUPPORTED_FEATURES",
  "PHYS32_ENTRY",
] as const;
type NoteName = (typeof NAMES)[number];
const STRINGS: readonly NoteName[] = [
  "INFO",
  "XEN_VERSION",
  "GUEST_OS",
  "GUEST_VERSION",
  "LOADER",
  "PAE_MODE",
  "FEATURES",
];
const YES_NO: readonly NoteName[] = ["BSD_SYMTAB"];

/** XENFEAT_* that a PV domain can't have on this hypervisor. */
const IMPOSSIBLE_FEATURES = ["auto_translated_physmap", "supervisor_mode_kernel", "hvm_callback_vector"];
/** The keys by which a __xen_guest section names what the notes have. */
const LEGACY_KEYS: Record<string, NoteName> = {
  LOADER: "LOADER",
  GUEST_OS: "GUEST_OS",
  GUEST_VER: "GUEST_VERSION",
  XEN_VER: "XEN_VERSION",
  PAE: "PAE_MODE",
  VIRT_BASE: "VIRT_BASE",
  VIRT_ENTRY: "ENTRY",
  ELF_PADDR_OFFSET: "PADDR_OFFSET",
  HYPERCALL_PAGE: "HYPERCALL_PAGE",
  FEATURES: "FEATURES",
};

export interface PvParameters {
  guestOs: string | null;
  entry: bigint;
  virtBase: bigint;
  /** Virtual address of a segment minus its p_paddr. */
  virtOffset: bigint;
  /** Virtual addresses of the kernel's first byte, and of the one after its last. */
  kernelStart: bigint;
  kernelEnd: bigint;
  /** Virtual address of the hypercall page; null when the kernel does not use one. */
  hypercallPage: bigint | null;
  /** Where the kernel wants its P2M list; null means in the initial mapping. */
  initP2m: bigint | null;
  /** Whether the ramdisk need not be mapped, because start_info has its first pfn. */
  modStartPfn: boolean;
}

/** Returns whether the file says how to start it as a PV domain. (PHYS32_ENTRY alone means PVH.) */
export function hasPvNotes(image: ElfImage): boolean {
  if (image.legacy !== null) return true;
  return image.notes.some(({ type }) => type >= 1 && type <= 3);
}

export function hasPvhNote(image: ElfImage): boolean {
  return image.notes.some(({ type }) => type === 18);
}

/** Returns the physical address at which a PVH kernel is entered, as in PHYS32_ENTRY. Throws ImageError if there is none. */
export function pvhEntry(image: ElfImage): number {
  const note = image.notes.find(({ type }) => type === 18);
  if (!note) throw new ImageError("This kernel has no PVH entry (note PHYS32_ENTRY).");
  const entry = number(note);
  if (entry >> 32n) throw new ImageError(`This kernel's PVH entry ${hex(entry)} is no address of 32 bits.`);
  return Number(entry);
}

/** Returns the notes in readable form, in file order. */
export function describeNotes(image: ElfImage): { name: string; value: string }[] {
  if (image.notes.length === 0 && image.legacy !== null)
    return image.legacy.split(",").map((item) => {
      const [name, value] = item.split("=", 2);
      return { name: name!, value: value ?? "" };
    });
  return image.notes.map((note) => {
    const name = NAMES[note.type] ?? `note ${note.type}`;
    if ((STRINGS as readonly string[]).includes(name)) return { name, value: text(note) };
    if (name === "L1_MFN_VALID") {
      const value =
        note.data.length >= 16 ? `mask ${hex(number(note))}, value ${hex(note.data.readBigUInt64LE(8))}` : "";
      return { name, value };
    }
    if ((YES_NO as readonly string[]).includes(name)) return { name, value: text(note) || hex(number(note)) };
    return { name, value: hex(number(note)) };
  });
}

const hex = (value: bigint): string => `0x${value.toString(16)}`;
const text = (note: XenNote): string => note.data.toString("latin1").replace(/\0.*$/s, "");

/** Notes contain numbers of 1, 2, 4 or 8 bytes. */
function number(note: XenNote): bigint {
  const { data } = note;
  if (data.length >= 8) return data.readBigUInt64LE(0);
  if (data.length >= 4) return BigInt(data.readUInt32LE(0));
  if (data.length >= 2) return BigInt(data.readUInt16LE(0));
  return BigInt(data[0] ?? 0);
}

function legacyValues(section: string): Map<NoteName, string> {
  const values = new Map<NoteName, string>();
  for (const item of section.split(",")) {
    const [key, value] = item.split("=", 2);
    const name = LEGACY_KEYS[key!];
    if (name && value !== undefined) values.set(name, value);
  }
  return values;
}

/** Throws ImageError with a sentence when the notes ask for something impossible. */
export function pvParameters(image: ElfImage): PvParameters {
  const fromNotes = image.notes.length > 0;
  const legacy = fromNotes || image.legacy === null ? new Map<NoteName, string>() : legacyValues(image.legacy);
  const find = (name: NoteName): XenNote | undefined => image.notes.find(({ type }) => NAMES[type] === name);
  const string = (name: NoteName): string | null => {
    const note = find(name);
    return note ? text(note) : (legacy.get(name) ?? null);
  };
  const value = (name: NoteName): bigint | null => {
    const note = find(name);
    if (note) return number(note);
    const word = legacy.get(name);
    return word !== undefined && /^(0x[0-9a-f]+|\d+)$/i.test(word) ? BigInt(word) : null;
  };

  const version = string("XEN_VERSION");
  if (version !== null && version !== "xen-3.0")
    throw new ImageError(`This kernel is made for the interface "${version}"; Xen's PV interface is "xen-3.0".`);
  const loader = string("LOADER");
  if (loader !== null && !loader.startsWith("generic"))
    throw new ImageError(`This kernel wants the loader "${loader}"; only "generic" exists.`);
  for (const feature of (string("FEATURES") ?? "").split("|")) {
    if (feature.startsWith("!") && IMPOSSIBLE_FEATURES.includes(feature.slice(1)))
      throw new ImageError(`This kernel requires the feature ${feature.slice(1)}, which a PV domain does not have.`);
  }
  if (image.segments.length === 0)
    throw new ImageError("This ELF file has nothing to load: no writable or executable segment.");

  const virtBase = value("VIRT_BASE") ?? 0n;
  // With notes the default is 0; with the older section it is VIRT_BASE (Xen's libelf).
  const paddrOffset = value("PADDR_OFFSET") ?? (fromNotes ? 0n : virtBase);
  const virtOffset = virtBase - paddrOffset;
  let low = image.segments[0]!.physicalAddress;
  let high = 0n;
  for (const { physicalAddress, memorySize } of image.segments) {
    if (physicalAddress < low) low = physicalAddress;
    if (physicalAddress + memorySize > high) high = physicalAddress + memorySize;
  }
  const kernelStart = low + virtOffset;
  const kernelEnd = high + virtOffset;
  const entry = value("ENTRY") ?? image.entry;
  if (kernelStart < virtBase) throw new ImageError("This kernel's notes place it below its own VIRT_BASE.");
  if (kernelEnd >= 1n << 64n || kernelEnd - virtBase > 1n << 32n)
    throw new ImageError("This kernel's notes spread it over more than 4 GiB.");
  if (entry < kernelStart || entry >= kernelEnd)
    throw new ImageError(`This kernel's entry ${hex(entry)} is outside of it.`);
  let hypercallPage: bigint | null = null;
  const hypercallValue = value("HYPERCALL_PAGE");
  if (hypercallValue !== null) {
    // The older section has a frame number.
    hypercallPage = fromNotes ? hypercallValue : (hypercallValue << 12n) + virtBase;
    if (hypercallPage < kernelStart || hypercallPage + 4096n > kernelEnd || hypercallPage & 0xfffn)
      throw new ImageError(`This kernel's hypercall page ${hex(hypercallPage)} is outside of it or not aligned.`);
  }
  let initP2m = value("INIT_P2M");
  // As in Xen's loader, it must be page-aligned and below the kernel's own region.
  if (initP2m !== null && (initP2m >= virtBase || initP2m & 0xfffn)) initP2m = null;
  return {
    guestOs: string("GUEST_OS"),
    entry,
    virtBase,
    virtOffset,
    kernelStart,
    kernelEnd,
    hypercallPage,
    initP2m,
    modStartPfn: (value("MOD_START_PFN") ?? 0n) !== 0n,
  };
}
