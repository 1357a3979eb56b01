/**
 * Xen's words, each explained in one sentence for people who meet them for the first time. They are shown wherever a word heads a column, a field or
 * a graph (`Term.tsx`), and all together by the command "Xen's words". Sources: Xen's public headers, docs/glossary.rst, xl(1), xl.cfg(5).
 */
interface Entry {
  /** The word's name in the list of all words. */
  name: string;
  means: string;
}

/** What a domain's states mean (their names are in domain/state-words.ts). */
const STATES = {
  running: { name: "Running", means: "One of its vCPUs runs on a pCPU now." },
  idle: {
    name: "Idle (blocked)",
    means: "All of its vCPUs wait for an event, as an idle computer does; Xen calls that blocked.",
  },
  paused: { name: "Paused", means: "Xen runs none of its vCPUs until it is unpaused." },
  crashed: { name: "Crashed", means: "Its kernel gave up, or did what Xen ends a domain for." },
  shutdown: { name: "Shut down", means: "Its kernel has powered off; what follows is its on_poweroff." },
  suspended: {
    name: "Suspended",
    means: "It has stopped by itself so that it can be saved, and goes on afterwards, here or when it is restored.",
  },
  dying: { name: "Dying", means: "It is being taken down; its memory is free when nobody maps any of it." },
  saved: { name: "Saved", means: "It is a file on disk, and goes on where it was when it is restored." },
  halted: {
    name: "Halted",
    means: "It does not run. The library keeps what it is made of, and it can be started again.",
  },
  template: { name: "Template", means: "It is never started itself: other domains are made as copies of it." },
  ended: { name: "Ended", means: "It is gone; its console is kept." },
} as const satisfies Record<string, Entry>;

/** The host and what runs on it. */
const DOMAINS = {
  domain: {
    name: "Domain",
    means: "A virtual machine: memory and vCPUs that Xen keeps apart from those of all others.",
  },
  dom0: {
    name: "Domain-0",
    means: "The control domain, which Xen starts first: it creates the other domains and drives devices for them.",
  },
  domid: { name: "domid", means: "Xen’s number for the domain; a domain that starts anew gets another." },
  uuid: {
    name: "UUID",
    means: "A number that no other domain has and that stays when the domain reboots, is saved or is restored.",
  },
  pv: {
    name: "PV",
    means: "Paravirtualized: the kernel knows that it runs on Xen and asks it by hypercalls for what only Xen may do.",
  },
  pvh: {
    name: "PVH",
    means:
      "A guest that owns its processor and its page tables; Xen gives it memory, interrupts and time, and no other devices.",
  },
  "xl-list": {
    name: "State in xl list",
    means: "A letter for each flag that is set: r running, b blocked, p paused, s shut down, c crashed, d dying.",
  },
  "xen-caps": {
    name: "xen_caps",
    means: "The types of guests that this Xen can run, as it tells its toolstack.",
  },
  "xen-cmdline": {
    name: "Xen command line",
    means: "What the boot menu’s entry gave the hypervisor: memory of dom0, levels of the log, scheduler.",
  },
  "on-end": {
    name: "on_poweroff, on_reboot, on_crash",
    means: "What the toolstack does when the domain stops in that way: destroy it, start it anew or keep it.",
  },
} as const satisfies Record<string, Entry>;

/** Processors and who has them. */
const SCHEDULING = {
  vcpu: {
    name: "vCPU",
    means: "A virtual processor: what the guest takes for a CPU, and Xen’s scheduler puts on a pCPU.",
  },
  pcpu: {
    name: "pCPU",
    means: "A processor of the host; here a thread of this computer, which runs one vCPU at a time.",
  },
  "vcpu-state": {
    name: "State of a vCPU",
    means:
      "As in xl vcpu-list: r runs on a pCPU, b blocked, waiting for an event, p not online; else it waits for a pCPU.",
  },
  "cpu-time": { name: "CPU time", means: "How long its vCPUs have run on pCPUs since it was created, all together." },
  affinity: {
    name: "Affinity",
    means: "The pCPUs that the scheduler may put the vCPU on (hard affinity); pinning gives it one or a few.",
  },
  scheduler: {
    name: "Scheduler",
    means: "The part of Xen that decides which vCPU runs on which pCPU, and for how long.",
  },
  credit: {
    name: "Credit",
    means:
      "What Xen’s credit scheduler deals out by weight and a vCPU uses up by running; who has some left comes first.",
  },
  weight: {
    name: "Weight",
    means: "A domain’s share when pCPUs are short: one of twice the weight gets twice the time; 256 is usual.",
  },
  cap: {
    name: "Cap",
    means: "The most that a domain may use, in percent of one pCPU, even if pCPUs are free; 0 is no limit.",
  },
  switches: { name: "Switches", means: "How often another vCPU came onto the pCPU, or it fell idle." },
  runstate: {
    name: "Runstate",
    means: "What Xen counts a vCPU’s time as: running, runnable, blocked or offline (RUNSTATE_*).",
  },
  "runstate-running": { name: "running (runstate)", means: "The vCPU is on a pCPU." },
  "runstate-runnable": {
    name: "runnable (runstate)",
    means: "The vCPU could run and waits for a pCPU; guests see that time as stolen.",
  },
  "runstate-blocked": { name: "blocked (runstate)", means: "The vCPU has nothing to do and waits for an event." },
  "runstate-offline": {
    name: "offline (runstate)",
    means: "The vCPU is neither runnable nor blocked: its guest has it switched off, or it is paused.",
  },
} as const satisfies Record<string, Entry>;

/** The ways from a guest into Xen. */
const ENTRIES = {
  exit: {
    name: "Exit",
    means:
      "A vCPU leaves guest code for Xen: for a hypercall, a fault, an instruction that only Xen may execute, or an interrupt.",
  },
  hypercall: {
    name: "Hypercall",
    means: "A guest kernel’s call into Xen, as a program’s system call into its kernel.",
  },
  multicall: { name: "Multicall", means: "One hypercall that has Xen carry out a list of others." },
  "page-fault": {
    name: "Page fault",
    means: "A vCPU used an address whose page-table entry does not allow it; Xen hands that to the guest’s kernel.",
  },
  mips: {
    name: "Instructions",
    means: "Machine instructions of the guest that were carried out, in millions a second.",
  },
  upcall: {
    name: "Upcall",
    means:
      "Xen’s call into a guest’s kernel to tell of an event, as a device’s interrupt; evtchn_upcall_mask holds it back.",
  },
  trap: {
    name: "Trap",
    means: "An exception that Xen hands to the handler which the guest’s kernel named by set_trap_table.",
  },
} as const satisfies Record<string, Entry>;

/** Event channels. */
const EVENTS = {
  "event-channel": {
    name: "Event channel",
    means: "Xen’s interrupt wire: a port at each end, and a bit that says that something has happened.",
  },
  "events-received": { name: "Events received", means: "How often a port of the domain’s was made pending." },
  "events-sent": { name: "Events sent", means: "How often the domain made a port at the other end pending." },
  port: { name: "Port", means: "A domain’s number for its end of an event channel." },
  "port-type": {
    name: "Type of a port",
    means:
      "What it is bound to: another domain (interdomain), an interrupt that Xen makes (virq), a vCPU of its own (ipi), or nothing yet (unbound).",
  },
  interdomain: {
    name: "interdomain",
    means: "An event channel between two domains: who notifies one port makes the other pending.",
  },
  virq: { name: "VIRQ", means: "An interrupt that Xen itself makes, as the timer’s or the console’s." },
  "other-end": {
    name: "Other end",
    means:
      "The domain and port that an event channel leads to; of a split driver, the half in the other domain (otherend).",
  },
  "event-bits": {
    name: "Pending, masked",
    means: "Pending: something has happened and was not seen to yet; masked: the guest wants to hear of it later.",
  },
  "event-priority": {
    name: "Priority of a port",
    means: "Which events the guest is to see to first in the FIFO ABI, from 0, the most urgent, to 15.",
  },
  kick: {
    name: "Kick",
    means: "One end of a ring notifies the other that there is something in it, by their event channel.",
  },
} as const satisfies Record<string, Entry>;

/** Memory. */
const MEMORY = {
  mfn: { name: "mfn", means: "Machine frame number: which 4 KiB page of the host’s memory it is." },
  pfn: {
    name: "pfn",
    means:
      "Pseudo-physical frame number: which page of its memory the guest takes it for, counted from 0 without holes.",
  },
  p2m: { name: "P2M", means: "The guest’s own table from pfn to mfn, which tells where its pages are." },
  m2p: { name: "M2P", means: "Xen’s table from mfn to pfn, which all PV guests can read." },
  "machine-address": {
    name: "Machine address",
    means: "An address in the host’s memory: mfn times 4096, and the place in the page.",
  },
  "frame-owner": {
    name: "Owner",
    means: "The domain that the frame belongs to; Xen lets no other one map it, but by grants.",
  },
  "frame-type": {
    name: "Type of a frame",
    means: "What Xen lets it be used as: writable, page table (L1 to L4) or descriptors, never two of them at once.",
  },
  "type-count": {
    name: "Type count",
    means: "How many uses hold the frame to its type; at 0 it may get another.",
  },
  references: { name: "References", means: "How many mappings and uses of the frame there are; at 0 it can be freed." },
  pinned: {
    name: "Pinned",
    means: "The guest has asked Xen to keep the frame a valid page table, also while no vCPU uses it.",
  },
  "page-walk": {
    name: "Walk",
    means: "How a processor finds an address: from CR3 by an entry of each table, L4 to L1, to the frame.",
  },
  "second-stage": {
    name: "Second stage",
    means: "Xen’s own page tables behind a PVH guest’s: they lead from guest-physical addresses to machine frames.",
  },
  "local-apic": {
    name: "Local APIC",
    means:
      "A processor’s own interrupt controller: what waits for it, what it handles now, its timer and its interrupts to others.",
  },
  access: {
    name: "Access",
    means:
      "A PVH guest reads or writes a port, or an address where it has no memory: the hypervisor does what a device would.",
  },
  cr3: { name: "CR3", means: "The register that names the frame of the L4 page table in use." },
  balloon: {
    name: "Balloon, memory target",
    means: "The guest’s balloon driver gives pages back to Xen or takes some until it has its memory target.",
  },
  maxmem: { name: "Maximum memory (maxmem)", means: "Xen gives the domain no more than this, whatever its target is." },
} as const satisfies Record<string, Entry>;

/** Grants. */
const GRANTS = {
  "grant-table": {
    name: "Grant table",
    means: "Where a domain says which of its pages which other domain may map or copy.",
  },
  "grant-reference": {
    name: "Grant reference",
    means: "The number of an entry of the grant table, told to the other domain.",
  },
  "grant-flags": {
    name: "Flags of a grant",
    means: "What is granted (GTF_permit_access, GTF_readonly) and what is used now (GTF_reading, GTF_writing).",
  },
  "granted-to": { name: "Granted to", means: "The one domain that may use the grant." },
  "grant-holder": { name: "Held by", means: "The domain that has the page mapped now." },
  "grant-pins": { name: "Pins of a grant", means: "How many mappings of it there are, for reading and for writing." },
} as const satisfies Record<string, Entry>;

/** Split drivers and xenstore. */
const DEVICES = {
  frontend: { name: "Frontend", means: "The half of a split driver in the guest: it puts requests into a ring." },
  backend: { name: "Backend", means: "The half of a split driver in dom0, which carries out the guest’s requests." },
  ring: {
    name: "Ring",
    means: "A page of the guest’s that both halves of a driver share: requests go round it one way, answers the other.",
  },
  xenstore: {
    name: "Xenstore",
    means: "A small tree of names and values in dom0 by which domains and toolstack tell each other what there is.",
  },
  xenbus: {
    name: "XenbusState",
    means: "How far a half of a split driver is: Initialising, InitWait, Initialised, Connected, Closing, Closed.",
  },
  "xenbus-Initialising": { name: "Initialising (1)", means: "The half has begun, or the toolstack has just made it." },
  "xenbus-InitWait": {
    name: "InitWait (2)",
    means: "The backend has said what it can do and waits for the frontend’s ring and event channel.",
  },
  "xenbus-Initialised": {
    name: "Initialised (3)",
    means: "The frontend has written its ring and event channel and waits for the backend.",
  },
  "xenbus-Connected": { name: "Connected (4)", means: "Both have all that they need: requests go through the ring." },
  "xenbus-Closing": {
    name: "Closing (5)",
    means: "The half wants to end, and lets what is under way come to its end.",
  },
  "xenbus-Closed": { name: "Closed (6)", means: "The half has let go of ring and event channel." },
  "xenbus-Reconfiguring": {
    name: "Reconfiguring (7)",
    means: "The device is changed while it is connected, as a PCI device is added.",
  },
  "xenbus-Reconfigured": { name: "Reconfigured (8)", means: "The change is done; the state goes back to Connected." },
  "store-nodes": {
    name: "Nodes",
    means: "Entries of the xenstore tree that the domain owns; xenstored allows each guest a limited number.",
  },
  "store-watches": {
    name: "Watches",
    means: "Paths of the xenstore that the domain wants to hear of when something there changes.",
  },
  "store-transactions": {
    name: "Transactions",
    means: "Several reads and writes of the xenstore that take place all at once, or not at all and are tried again.",
  },
  "store-owner": {
    name: "Owner of a node",
    means: "The domain that a node counts for and that may always read, write and remove it.",
  },
  "store-permissions": {
    name: "Permissions",
    means:
      "What other domains may do with the node: n nothing, r read, w write, b both; the first entry is the owner’s, and holds for all that are not named.",
  },
} as const satisfies Record<string, Entry>;

export const GROUPS = [
  ["Domains", DOMAINS],
  ["States of a domain", STATES],
  ["Processors", SCHEDULING],
  ["Ways into Xen", ENTRIES],
  ["Event channels", EVENTS],
  ["Memory", MEMORY],
  ["Grants", GRANTS],
  ["Devices and xenstore", DEVICES],
] as const;

export const TERMS = {
  ...DOMAINS,
  ...STATES,
  ...SCHEDULING,
  ...ENTRIES,
  ...EVENTS,
  ...MEMORY,
  ...GRANTS,
  ...DEVICES,
} as const;
export type TermId = keyof typeof TERMS;
