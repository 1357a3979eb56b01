/** Imports our own archives: every member must be as the description says, in that order, and have the checksum in the last member. */
import { createHash } from "node:crypto";
import path from "node:path";
import { z } from "zod";
import { Refusal } from "../../toolstack/error.ts";
import { wholeMember, type Member } from "./archive.ts";
import { namedDisks, namedImages } from "./config.ts";
import type { Arrived, Intake } from "./intake.ts";
import {
  DESCRIPTION_MEMBER,
  diskMember,
  fileMember,
  MOST_DESCRIPTION_BYTES,
  MOST_FILE_BYTES,
  MOST_FILES_BYTES,
  MOST_SUMS_BYTES,
  PACKAGE,
  SUMS_MEMBER,
  type Package,
} from "./package.ts";
import { takeMember } from "./scratch.ts";

const LATER = z.object({ format: z.literal("xenarium-domain"), version: z.int().min(2) });

/** Reads `domain.json`. Throws Refusal. */
export function readPackage(bytes: Buffer): Package {
  let given: unknown;
  try {
    given = JSON.parse(bytes.toString("utf8"));
  } catch {
    throw new Refusal("EINVAL", `Its ${DESCRIPTION_MEMBER} is no JSON.`);
  }
  const later = LATER.safeParse(given);
  if (later.success)
    throw new Refusal(
      "EINVAL",
      `It was exported by a later version of Xenarium, in the format ${later.data.version}; this one reads the format 1.`,
    );
  const parsed = PACKAGE.safeParse(given);
  if (!parsed.success) {
    const { path: place, message } = parsed.error.issues[0]!;
    throw new Refusal(
      "EINVAL",
      `Its ${DESCRIPTION_MEMBER} is not understood: ${place.map(String).join(".")}: ${message}.`,
    );
  }
  if (parsed.data.files.reduce((sum, each) => sum + each.bytes, 0) > MOST_FILES_BYTES)
    throw new Refusal("EFBIG", `Its files have more than ${MOST_FILES_BYTES} bytes together.`);
  return parsed.data;
}

export class PackageIntake implements Intake {
  readonly #scratch: string;
  #description: Package | null = null;
  /** Names and sizes of the members that are still to come. */
  #expected: { name: string; bytes: number | null }[] = [{ name: DESCRIPTION_MEMBER, bytes: null }];
  readonly #files: Buffer[] = [];
  readonly #disks: string[] = [];
  readonly #sums = new Map<string, string>();

  constructor(scratch: string) {
    this.#scratch = scratch;
  }

  async take(member: Member): Promise<void> {
    const { name, size } = member;
    const expected = this.#expected.shift();
    if (!expected) throw new Refusal("EINVAL", `The archive has a member ${name} behind its end.`);
    if (expected.name !== name)
      throw new Refusal("EINVAL", `The archive has ${name} where ${expected.name} should be.`);
    if (expected.bytes !== null && expected.bytes !== size)
      throw new Refusal("EINVAL", `${name} has ${size} bytes, and should have ${expected.bytes}.`);
    if (name === DESCRIPTION_MEMBER) this.#describe(await this.#small(member, MOST_DESCRIPTION_BYTES));
    else if (name === SUMS_MEMBER) this.#check((await wholeMember(member, MOST_SUMS_BYTES)).toString("utf8"));
    else if (name.startsWith("files/")) this.#files.push(await this.#small(member, MOST_FILE_BYTES));
    else {
      const image = path.join(this.#scratch, `${this.#disks.length}.qcow2`);
      this.#sums.set(name, (await takeMember(member, image)).sha256);
      this.#disks.push(image);
    }
  }

  async #small(member: Member, most: number): Promise<Buffer> {
    const bytes = await wholeMember(member, most);
    this.#sums.set(member.name, createHash("sha256").update(bytes).digest("hex"));
    return bytes;
  }

  #describe(bytes: Buffer): void {
    this.#description = readPackage(bytes);
    const { files, disks } = this.#description;
    this.#expected = [
      ...files.map((each, i) => ({ name: fileMember(i), bytes: each.bytes })),
      ...disks.map((each, i) => ({ name: diskMember(i), bytes: each.bytes })),
      { name: SUMS_MEMBER, bytes: null },
    ];
  }

  #check(text: string): void {
    const listed = new Map(
      text.split("\n").flatMap((line) => {
        const [, hex, name] = /^([0-9a-f]{64}) {2}(\S+)$/.exec(line) ?? [];
        return hex && name ? [[name, hex] as const] : [];
      }),
    );
    for (const [name, sum] of this.#sums)
      if (listed.get(name) !== sum)
        throw new Refusal("EBADMSG", `${name} is damaged: its SHA-256 is not what ${SUMS_MEMBER} says.`);
  }

  end(): Promise<Arrived> {
    if (!this.#description || this.#expected.length > 0)
      throw new Refusal("EINVAL", `The archive ends before its ${this.#expected[0]?.name ?? DESCRIPTION_MEMBER}.`);
    const { name, config, files } = this.#description;
    const images = namedImages(config);
    const disks = namedDisks(config);
    if (disks.length !== this.#disks.length || disks.some(({ disk }, i) => disk.target !== diskMember(i)))
      throw new Refusal("EINVAL", "Its configuration names other disks than came with it.");
    const names = new Set(images.map(({ file }) => file));
    const given = Object.fromEntries(this.#files.map((bytes, i) => [fileMember(i), bytes]));
    if (files.some((_, i) => !names.has(fileMember(i))))
      throw new Refusal("EINVAL", "It has files that its configuration does not name.");
    const sources = this.#disks.map((file) => ({ file, format: "qcow2", name: `${name}.qcow2` }));
    return Promise.resolve({ name, config, disks, sources, files: given, notes: [] });
  }
}
