/**
 * Work on a domain that does not run, and that excludes other work. For example, starting a domain of which somebody takes a snapshot would write to
 * what the snapshot contains.
 */
import { ApiFailure } from "./failure.ts";

/** Each text continues the sentence about the domain. */
const DEEDS = {
  start: "is being started",
  copy: "has its disks copied",
  disks: "has something done with its disks",
  delete: "is being deleted",
  snapshot: "has something done with its snapshots",
} as const;
export type Deed = keyof typeof DEEDS;
/** Several of these do not disturb each other: copies only read, and the owner of an image does not let two things be done with it. */
const SEVERAL: readonly Deed[] = ["copy", "disks"];

export class Deeds {
  /** By the domain's UUID: one deed, or several of the same kind. */
  readonly #begun = new Map<string, Deed[]>();

  /**
   * Begins a deed, which lasts until the returned function is called. Throws ApiFailure EBUSY, and begins nothing, if another has begun that
   * excludes it. `name` is the domain's.
   */
  begin(uuid: string, name: string, deed: Deed): () => void {
    const begun = this.#begun.get(uuid) ?? [];
    const other = begun.find((each) => each !== deed || !SEVERAL.includes(deed));
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
