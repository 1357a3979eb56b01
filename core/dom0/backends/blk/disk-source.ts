import type { BlockStore } from "../../storage/block-store.ts";
import type { StoreAccess } from "../../storage/open.ts";

/** Where block devices get what lies behind them. */
export interface DiskSource {
  /**
   * `params` is the node of that name, and `scratch` names what a disposable disk's writes go to where that may outlive this thread. Resolves with null
   * for an empty drive. Rejects with StoreError, or SpecError for what names nothing.
   */
  openNamed(params: string, access: StoreAccess | "disposable", scratch: string | null): Promise<BlockStore | null>;
}
