/** The requests of Inspect: registers, page tables, memory, event channels and grants of a domain as they are now. */
import { HypercallError } from "../../dom0/kernel/errno.ts";
import type { DomainInfoRecord, Hypercalls } from "../../dom0/kernel/hypercalls.ts";
import { guestTypeOf } from "../../dom0/kernel/hypercalls/domains.ts";
import type { HvmHypercalls } from "../../dom0/kernel/hvm.ts";
import type { Inspector } from "../../dom0/kernel/inspector.ts";
import type { Observer } from "../../dom0/kernel/observe.ts";
import { Refusal } from "../error.ts";
import type { Symbols } from "../profile/symbols.ts";
import { Disassembler } from "./disassembly.ts";
import { frameFacts } from "./frame-facts.ts";
import { GuestCode } from "./guest-code.ts";
import { hex64, isCanonical } from "./hex.ts";
import type { KernelSymbols } from "./kernel-symbols.ts";
import { PvVcpu, PvhVcpu, type LookedVcpu } from "./vcpu.ts";
import { HvmVcpuState } from "./hvm-registers.ts";
import { VcpuContext } from "./registers.ts";
import { machineAddress } from "./second-stage.ts";
import type {
  EventsReport,
  FrameFacts,
  GrantsReport,
  Hex,
  MemoryArguments,
  MemoryReport,
  Place,
  RegistersReport,
  VcpuArguments,
  WalkArguments,
  WalkReport,
} from "./report.ts";

const LINES = { before: 10, after: 12 };
/** The number of bytes of code that contain that many lines, and the beginning of a function if it is near. */
const CODE_BEFORE = 1024;
const CODE_AFTER = 400;
const PAGE = 4096n;

export interface InspectionParts {
  hypercalls: Hypercalls;
  hvm: HvmHypercalls;
  inspector: Inspector;
  /** Whether a domain executes no x86 code. */
  isNative: (domid: number) => boolean;
  observer: Observer;
  symbols: KernelSymbols;
  /** Returns the nanoseconds since power-on. */
  now: () => number;
}

export class Inspection {
  readonly #parts: InspectionParts;
  #disassembler: Promise<Disassembler> | null = null;
  /** Where the frame of a domain was found last, because the frames of a range often follow each other. */
  #guess = { domid: -1, pfn: 0, mfn: 0 };

  constructor(parts: InspectionParts) {
    this.#parts = parts;
  }

  async registers({ domid, vcpu }: VcpuArguments): Promise<RegistersReport> {
    const disassembler = await (this.#disassembler ??= Disassembler.load());
    const { hypercalls } = this.#parts;
    const looked = this.#vcpu(domid, vcpu);
    const before = hypercalls.vcpus.info(domid, vcpu);
    const { rip, rsp, rbp, bits } = looked;
    const code = new GuestCode((linear, length) => looked.read(linear, length));
    const symbols = this.#parts.symbols.of(domid);
    const place = (address: bigint): Place => ({ address: hex64(address), symbol: symbolText(symbols, address) });
    const around = isCanonical(rip)
      ? code.around(rip, CODE_BEFORE, CODE_AFTER)
      : { start: rip, bytes: new Uint8Array() };
    const found = symbols?.find(rip);
    const lines = disassembler.around(around, rip, bits, found ? rip - BigInt(found.offset) : null, LINES);
    // The stack is searched in words of 8 bytes, as 64-bit code has them.
    const stack = bits === 64 ? code.stack(rsp, rbp) : { frames: [], bytes: 0 };
    const after = hypercalls.vcpus.info(domid, vcpu);
    return {
      domid,
      vcpu,
      ...looked.report(),
      running: after.running,
      blocked: after.blocked,
      bits,
      rip: place(rip),
      code: lines.map(({ address, length, text, target }) => ({
        address: hex64(address),
        bytes: Buffer.from(around.bytes.buffer, Number(address - around.start), length).toString("hex"),
        text,
        target: target === null ? null : place(target),
      })),
      stack: [
        { ...place(rip), slot: null, by: "rip" },
        ...stack.frames.map(({ slot, address, by }) => ({ ...place(address), slot: hex64(slot), by })),
      ],
      stackBytes: stack.bytes,
      ranMeanwhile: after.running || after.cpuTime !== before.cpuTime,
      symbols: {
        state: symbols === undefined ? "reading" : symbols === null ? "none" : "ready",
        count: symbols?.size ?? 0,
      },
    };
  }

  walk({ domid, vcpu, tables, address }: WalkArguments): WalkReport {
    return {
      domid,
      vcpu,
      tables,
      address: hex64(address),
      symbol: symbolText(this.#parts.symbols.of(domid), address),
      ...this.#vcpu(domid, vcpu).walk(tables, address),
    };
  }

  frame(mfn: number): FrameFacts {
    const words = this.#parts.inspector.frame(mfn);
    if (!words) throw new Refusal("EINVAL", `The host’s memory ends before frame ${mfn}.`);
    return frameFacts(mfn, words);
  }

  symbol(domid: number, name: string): { address: Hex } {
    this.#guest(domid);
    const symbols = this.#parts.symbols.of(domid);
    if (symbols === undefined)
      throw new Refusal("EAGAIN", "The symbols of its kernel are still being read; ask again in a moment.");
    if (symbols === null) throw new Refusal("ENOENT", "The file of its kernel has no symbols; give an address.");
    const address = symbols.addressOf(name);
    if (address === null) throw new Refusal("ENOENT", `Its kernel has no function ${name}.`);
    return { address: hex64(address) };
  }

  memory({ domid, vcpu, tables, address, space, bytes }: MemoryArguments): MemoryReport {
    const looked = space === "virtual" ? this.#vcpu(domid, vcpu) : null;
    const isPvh = guestTypeOf(this.#guest(domid)) === "pvh";
    const read = (at: bigint, length: number): { bytes: Uint8Array | null; mfn: number | null } => {
      if (looked) return { bytes: looked.readBy(tables, at, length)?.bytes ?? null, mfn: null };
      return isPvh ? this.#guestPhysical(domid, at, length) : this.#pseudoPhysical(domid, at, length);
    };
    const pieces: MemoryReport["pieces"] = [];
    // Nothing comes after the last address.
    const end = address + BigInt(bytes) > 1n << 64n ? 1n << 64n : address + BigInt(bytes);
    for (let at = address; at < end;) {
      const length = Number(end < (at & ~0xfffn) + PAGE ? end - at : (at & ~0xfffn) + PAGE - at);
      pieces.push({ address: hex64(at), length, ...read(at, length) });
      at += BigInt(length);
    }
    return { domid, space, address: hex64(address), pieces };
  }

  #guestPhysical(domid: number, at: bigint, length: number): { bytes: Uint8Array | null; mfn: number | null } {
    const { inspector } = this.#parts;
    const machine = machineAddress(at, inspector.second(domid, at));
    return {
      bytes: inspector.readPhysical(domid, at, length),
      mfn: machine === null ? null : Number(machine >> 12n),
    };
  }

  #pseudoPhysical(domid: number, at: bigint, length: number): { bytes: Uint8Array | null; mfn: number | null } {
    const { inspector } = this.#parts;
    if (at >> 12n > 0xffffffffn) return { bytes: null, mfn: null };
    const pfn = Number(at >> 12n);
    const guess = this.#guess.domid === domid ? this.#guess.mfn + (pfn - this.#guess.pfn) : 0;
    const mfn = inspector.findFrame(domid, pfn, Math.max(0, guess));
    if (mfn === null) return { bytes: null, mfn: null };
    this.#guess = { domid, pfn, mfn };
    return { bytes: inspector.readMachine(domid, (BigInt(mfn) << 12n) + (at & 0xfffn), length), mfn };
  }

  events(domid: number): EventsReport {
    const { observer, inspector, now } = this.#parts;
    this.#exists(domid);
    return {
      time: now(),
      domid,
      abi: observer.eventAbi(domid),
      ports: observer.ports(domid).map((port) => {
        const { events, priority } = inspector.port(domid, port.port);
        const { remoteDomid, remotePort } = port;
        const other = remoteDomid !== null && remotePort !== null ? this.#otherEnd(remoteDomid, remotePort) : null;
        // A domain sends an IPI to itself.
        return { ...port, received: events, sent: port.state === "ipi" ? events : other, priority };
      }),
    };
  }

  #otherEnd(domid: number, port: number): number | null {
    try {
      return this.#parts.inspector.port(domid, port).events;
    } catch (error) {
      // The domain has gone meanwhile.
      if (error instanceof HypercallError) return null;
      throw error;
    }
  }

  grants(domid: number): GrantsReport {
    const { observer, inspector } = this.#parts;
    this.#exists(domid);
    const table = observer.grants(domid);
    return {
      domid,
      ...table,
      entries: table.entries.map((entry) => ({ ...entry, use: inspector.grant(domid, entry.ref) })),
    };
  }

  #exists(domid: number): void {
    if (!this.#parts.hypercalls.domains.info(domid)) throw new Refusal("ESRCH", `There is no domain ${domid}.`);
  }

  /** For a domain whose vCPUs run x86 code. */
  #guest(domid: number): DomainInfoRecord {
    this.#exists(domid);
    if (this.#parts.isNative(domid))
      throw new Refusal(
        "EOPNOTSUPP",
        `${domid === 0 ? "Domain-0" : `Domain ${domid}`} is a thread of the host’s, not x86 code: it has no registers and no page tables.`,
      );
    return this.#parts.hypercalls.domains.info(domid)!;
  }

  #vcpu(domid: number, vcpu: number): LookedVcpu {
    const info = this.#guest(domid);
    const { inspector, hypercalls, hvm } = this.#parts;
    const { maxVcpuId } = info;
    if (vcpu > maxVcpuId)
      throw new Refusal("EINVAL", `Domain ${domid} has vCPUs 0 to ${maxVcpuId}; ${vcpu} is not among them.`);
    const down = new Refusal("ENODATA", `vCPU ${vcpu} has not been brought up: it has no registers yet.`);
    if (guestTypeOf(info) === "pvh") {
      const state = HvmVcpuState.of(hvm.context(domid), vcpu);
      if (!state) throw down;
      const others = (): number[] =>
        hypercalls.host
          .listDomains()
          .filter((each) => each.domid !== domid && guestTypeOf(each) === "pvh")
          .map((each) => each.domid);
      return new PvhVcpu(inspector, domid, state, others);
    }
    try {
      const context = new VcpuContext(hypercalls.vcpus.getContext(domid, vcpu));
      return new PvVcpu(inspector, domid, vcpu, context, hypercalls.vcpus.getExtState(domid, vcpu));
    } catch (error) {
      if (error instanceof HypercallError && error.code === "ENODATA") throw down;
      throw error;
    }
  }
}

function symbolText(symbols: Symbols | null | undefined, address: bigint): string | null {
  const found = symbols?.find(address);
  if (!found) return null;
  return found.offset === 0 ? found.name : `${found.name}+0x${found.offset.toString(16)}`;
}
