/** What is inspected. It is kept as long as the window lives, so that sections can lead to each other. */
import { create } from "zustand";
import type { MemoryReport, Tables } from "../../core/api/schema.ts";

interface InspectState {
  /** The domain that the other fields are about. */
  domid: number | null;
  section: string;
  vcpu: number;
  /** Nothing is asked for again, so what is shown stays. */
  held: boolean;
  tables: Tables;
  /** In hexadecimal. It is "" until an address was given, and then the vCPU's RIP is used. */
  walked: string;
  memory: { space: MemoryReport["space"]; address: string };
  /** The frame whose facts are shown beside the page tables, or null for none. */
  frame: number | null;
}

export const useInspect = create<InspectState>()(() => ({
  domid: null,
  section: "registers",
  vcpu: 0,
  held: false,
  tables: "kernel",
  walked: "",
  memory: { space: "virtual", address: "" },
  frame: null,
}));

/** In another domain, other addresses are valid. */
export function lookInto(domid: number): void {
  if (useInspect.getState().domid === domid) return;
  useInspect.setState({ domid, vcpu: 0, walked: "", frame: null, memory: { space: "virtual", address: "" } });
}

export function showMemory(address: string, space: MemoryReport["space"] = "virtual"): void {
  useInspect.setState({ section: "memory", memory: { space, address } });
}
export function showWalk(address: string): void {
  useInspect.setState({ section: "page-tables", walked: address });
}
export function showFrame(frame: number): void {
  useInspect.setState({ section: "page-tables", frame });
}

/** Returns the digits in the form that the host takes, or null for text that is no 64-bit address. */
export function addressOf(text: string): string | null {
  const digits = text.trim().replace(/^0x/i, "").replaceAll(/[_ ]/g, "");
  return /^[0-9a-f]{1,16}$/i.test(digits) ? `0x${digits.toLowerCase().padStart(16, "0")}` : null;
}
