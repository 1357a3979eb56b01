/** What each kind of archive becomes: members one after the other, then what came of them. */
import type { Member } from "./archive.ts";
import type { NamedDisk } from "./config.ts";

export interface Arrived {
  readonly name: string;
  /** Text of an xl.cfg whose disks are those, in their order. */
  readonly config: string;
  readonly disks: readonly NamedDisk[];
  /** Images in the scratch folder; `name`: what each is to be called. */
  readonly sources: readonly { file: string; format: string; name: string }[];
  /** Contents by their names in the text. */
  readonly files: Readonly<Record<string, Uint8Array>>;
  /** Sentences about what will be otherwise here. */
  readonly notes: readonly string[];
}

/** What an archive's description says before anything of it is taken. Sizes are of the disks; null where it does not say. */
export interface Look {
  readonly name: string;
  readonly memoryMiB: number | null;
  readonly vcpus: number | null;
  readonly disks: readonly { bytes: number | null }[];
  readonly networks: number;
  readonly notes: readonly string[];
}

export interface Intake {
  take(member: Member): Promise<void>;
  /** All members have come. Throws Refusal where something is missing. */
  end(): Promise<Arrived>;
}
