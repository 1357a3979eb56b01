/** Remembers which of the kept files came from the web, and with which checksums, so that an unchanged file is not fetched again. */
import { readFile, stat } from "node:fs/promises";
import { z } from "zod";
import { writeWhole } from "../../files/whole.ts";
import type { Checksum } from "./checksum.ts";
import { FILE_KINDS, type FileKind } from "./part.ts";

const MOST = 1000;

const schema = z.array(
  z.object({
    kind: z.enum(FILE_KINDS),
    path: z.string(),
    sha256: z.string(),
    sha512: z.string(),
    /** Size and time of the file when it was recorded. */
    bytes: z.number(),
    modified: z.number(),
  }),
);
type Origin = z.infer<typeof schema>[number];

export class Origins {
  readonly #file: string | null;

  constructor(file: string | null) {
    this.#file = file;
  }

  /** An error in keeping this is ignored: the file is then fetched again the next time. */
  async add(kind: FileKind, path: string, sums: { sha256: string; sha512: string }): Promise<void> {
    if (this.#file === null) return;
    try {
      const { size: bytes, mtimeMs: modified } = await stat(path);
      const others = (await this.#read()).filter((each) => each.path !== path);
      const all = [...others, { kind, path, ...sums, bytes, modified }].slice(-MOST);
      await writeWhole(this.#file, `${JSON.stringify(all, null, 1)}\n`);
    } catch {
      // As it was before.
    }
  }

  /**
   * Returns a kernel or RAM disk that has this checksum and has not changed since it came. Disks are never shared this way, since their domains write
   * to them.
   */
  async unchanged(kind: FileKind, checksum: Checksum): Promise<{ path: string; bytes: number; sha256: string } | null> {
    if (kind === "disk") return null;
    for (const origin of await this.#read())
      if (origin.kind === kind && origin[checksum.algorithm] === checksum.hex && (await isAsItCame(origin)))
        return { path: origin.path, bytes: origin.bytes, sha256: origin.sha256 };
    return null;
  }

  async #read(): Promise<Origin[]> {
    if (this.#file === null) return [];
    try {
      return schema.parse(JSON.parse(await readFile(this.#file, "utf8")));
    } catch {
      return [];
    }
  }
}

async function isAsItCame({ path, bytes, modified }: Origin): Promise<boolean> {
  const facts = await stat(path).catch(() => null);
  return facts !== null && facts.isFile() && facts.size === bytes && facts.mtimeMs === modified;
}
