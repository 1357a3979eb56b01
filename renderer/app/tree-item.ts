/** Entries of the sidebar's tree. */
import type { DomainInfo } from "../../core/api/schema.ts";
import type { EndedDomain } from "../state/store.ts";

export type Item = { name: string; domid: number } & ({ domain: DomainInfo } | { gone: EndedDomain });

/** What all entries of the tree are told. */
export interface Shown {
  level: number;
  /** Of its entries, the one that Tab comes to. */
  current: string;
}
export const keyOfFolder = (path: string): string => `folder ${path}`;
export const keyOfDomain = (domid: number): string => `domain ${domid}`;
