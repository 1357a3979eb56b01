/** Reads what is in an archive from its first member, which describes it, so that the user can be asked before anything is taken. */
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { Refusal } from "../../toolstack/error.ts";
import { readConfig } from "../../toolstack/config-text.ts";
import { parseXlConfig } from "../../toolstack/xlcfg.ts";
import { readArchive, wholeMember } from "./archive.ts";
import { readPackage } from "./import-package.ts";
import { kindOf, type ArchiveKind } from "./first-member.ts";
import type { Look } from "./intake.ts";
import { lookIntoOvf } from "./ova.ts";
import { MOST_DESCRIPTION_BYTES } from "./package.ts";
import { withScratch } from "./scratch.ts";
import { lookIntoXva } from "./xva.ts";

/** Thrown to stop reading after the description. */
class Enough extends Error {}

/** `head` has the file's first bytes. Throws Refusal where they do not hold a complete description that is understood. */
export async function lookInto(
  called: string,
  head: Uint8Array,
  scratch: string,
): Promise<Look & { kind: ArchiveKind }> {
  return withScratch(scratch, async (own) => {
    // The name is for messages only.
    const file = path.join(own, "head");
    await writeFile(file, head, { mode: 0o600 });
    const found: { look: (Look & { kind: ArchiveKind }) | null } = { look: null };
    try {
      await readArchive(
        file,
        async (member) => {
          const kind = kindOf(member.name, called);
          if (member.size > head.length)
            throw new Refusal("EFBIG", `The description of ${called} is too long to be shown before it is imported.`);
          const bytes = await wholeMember(member, MOST_DESCRIPTION_BYTES);
          found.look = { kind, ...LOOKS[kind](bytes) };
          throw new Enough();
        },
        () => {},
        new AbortController().signal,
      );
    } catch (error) {
      if (!found.look) throw error instanceof Refusal ? renamed(error, called) : error;
    }
    if (!found.look) throw new Refusal("EINVAL", `${called} is an archive with nothing in it.`);
    return { ...found.look, name: shownName(found.look.name) };
  });
}

/** The name without characters that are invisible or change the direction of text. */
function shownName(name: string): string {
  return name.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, "").slice(0, 200);
}

function renamed(error: Refusal, called: string): Refusal {
  return new Refusal(error.code, error.message.replace(/^head /, `${called} `));
}

function lookIntoPackage(bytes: Buffer): Look {
  const { name, config, disks } = readPackage(bytes);
  const parsed = parseXlConfig(config).config;
  return {
    name,
    memoryMiB: parsed?.memoryMiB ?? null,
    vcpus: parsed?.maxvcpus ?? null,
    // These are sizes of images, which do not tell how large the disks in them are.
    disks: disks.map(() => ({ bytes: null })),
    networks: (readConfig(config).lists.get("vif") ?? []).length,
    notes: [],
  };
}

const LOOKS = { Xenarium: lookIntoPackage, OVA: lookIntoOvf, XVA: lookIntoXva } as const;
