/** Entries of the sidebar's tree. */
import type { DomainInfo } from "../../core/api/schema.ts";
import type { EndedDomain } from "../state/store.ts";

export type Item = { name: string; domid: number } & ({ domain: DomainInfo } | { gone: EndedDomain });

/** What every entry of the tree is given. */
export interface Shown {
  level: number;
  /** The key of the entry that takes the focus when Tab comes to the tree. */
  current: string;
}
export const keyOfFolder = (path: string): string => `folder ${path}`;
export const keyOfDomain = (domid: number | null): string => `domain ${domid}`;
