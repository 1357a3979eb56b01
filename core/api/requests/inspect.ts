/** What is inside a domain: toolstack/inspect/report.ts. `tables`: which of a PV vCPU's two page tables, the kernel's if not said. */
import { z } from "zod";
import type {
  EventsReport,
  FrameFacts,
  GrantsReport,
  MemoryReport,
  RegistersReport,
  WalkReport,
} from "../../toolstack/inspect/report.ts";
import { MOST_MEMORY_BYTES } from "../limits.ts";
import { takes } from "./request.ts";
import { domid, vcpu } from "./values.ts";

const tables = z.enum(["kernel", "user"]).default("kernel");
const address = z
  .string()
  .regex(/^(0x)?[0-9a-f]{1,16}$/i, "must be an address of 64 bits in hexadecimal")
  .transform((text) => BigInt(text.replace(/^(0x)?/i, "0x")));

export const INSPECT_REQUESTS = {
  /** The inside of a domain: toolstack/inspect/report.ts. `tables` is which of a PV vCPU's two page tables; the kernel's if it is left out. */
  inspectRegisters: takes(z.strictObject({ domid, vcpu })).gives<RegistersReport>(),
  inspectWalk: takes(z.strictObject({ domid, vcpu, tables, address })).gives<WalkReport>(),
  inspectFrame: takes(z.strictObject({ mfn: z.int().min(0).max(0xffffffff) })).gives<FrameFacts>(),
  /** Where the function with that name begins, according to the kernel's own symbols. */
  inspectSymbol: takes(z.strictObject({ domid, name: z.string().min(1).max(512) })).gives<{ address: string }>(),
  inspectMemory: takes(
    z.strictObject({
      domid,
      vcpu,
      tables,
      address,
      space: z.enum(["virtual", "pseudo-physical"]),
      bytes: z.int().min(1).max(MOST_MEMORY_BYTES),
    }),
  ).gives<MemoryReport>(),
  inspectEvents: takes(z.strictObject({ domid })).gives<EventsReport>(),
  inspectGrants: takes(z.strictObject({ domid })).gives<GrantsReport>(),
};
