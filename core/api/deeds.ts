/**
 * What is done with a domain that does not run and does not go together with anything else: who starts one that somebody takes a snapshot of as it
 * stands still would write to what the snapshot is of.
 */
import { ApiFailure } from "./failure.ts";

/** Each as the sentence about the domain goes on. */
const DEEDS = {
  start: "is being started",
  copy: "has its disks copied or checked",
  size: "has a disk made larger",
  delete: "is being deleted",
  snapshot: "has something done with its snapshots",
} as const;
export type Deed = keyof typeof DEEDS;

export class Deeds {
  /** By the domain's UUID: one, or copies, which do not disturb each other. */
  readonly #begun = new Map<string, Deed[]>();

  /** Held until what it gives is called. Throws ApiFailure EBUSY, and holds nothing, where something else has begun. `name`: the domain's. */
  begin(uuid: string, name: string, deed: Deed): () => void {
    const begun = this.#begun.get(uuid) ?? [];
    const other = begun.find((each) => each !== "copy" || deed !== "copy");
    if (other) throw new ApiFailure("EBUSY", `${name} ${DEEDS[other]}: wait until that has ended.`);
    this.#begun.set(uuid, [...begun, deed]);
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      const left = this.#begun.get(uuid)!.slice(1);
      if (left.length > 0) this.#begun.set(uuid, left);
      else this.#begun.delete(uuid);
    };
  }

  async during<T>(uuid: string, name: string, deed: Deed, act: () => Promise<T>): Promise<T> {
    const end = this.begin(uuid, name, deed);
    try {
      return await act();
    } finally {
      end();
    }
  }
}
