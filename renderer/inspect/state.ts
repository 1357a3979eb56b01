/** What is inspected: kept as long as the window lives, so that sections lead to each other. */
import { create } from "zustand";
import type { MemoryReport, Tables } from "../../core/api/schema.ts";

interface InspectState {
  /** Of which the rest is. */
  domid: number | null;
  section: string;
  vcpu: number;
  /** Nothing is asked for again: what is shown stays. */
  held: boolean;
  tables: Tables;
  /** Hexadecimal; "" until one was given: then the vCPU's RIP. */
  walked: string;
  memory: { space: MemoryReport["space"]; address: string };
  /** Whose facts are shown beside the page tables; null for none. */
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

/** Another domain has other addresses. */
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

/** Digits as the host takes them; null for what is no address of 64 bits. */
export function addressOf(text: string): string | null {
  const digits = text.trim().replace(/^0x/i, "").replaceAll(/[_ ]/g, "");
  return /^[0-9a-f]{1,16}$/i.test(digits) ? `0x${digits.toLowerCase().padStart(16, "0")}` : null;
}
