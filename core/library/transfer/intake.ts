/** What each kind of archive implements: it takes the members one after the other, and tells at the end what came of them. */
import type { Member } from "./archive.ts";
import type { NamedDisk } from "./config.ts";

export interface Arrived {
  readonly name: string;
  /** Text of an xl.cfg that has these disks, in their order. */
  readonly config: string;
  readonly disks: readonly NamedDisk[];
  /** Images in the scratch folder; `name` is what each is to be called. */
  readonly sources: readonly { file: string; format: string; name: string }[];
  /** Contents of files, by their names in the text. */
  readonly files: Readonly<Record<string, Uint8Array>>;
  /** Sentences about what will be different here. */
  readonly notes: readonly string[];
}

/** What an archive's description says, before anything of it is taken. Sizes are those of the disks in bytes; null where it does not tell them. */
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
  /** Called after the last member. Throws Refusal where something is missing. */
  end(): Promise<Arrived>;
}
