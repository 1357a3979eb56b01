/** The networks that somebody has set up, in a file that outlives the host's power and the application. */
import { readFileSync, rmSync } from "node:fs";
import path from "node:path";
import { z } from "zod";
import { keptNetwork, type KeptNetwork, type NetworkReport } from "../dom0/network/networks.ts";
import { moveWholeSync, privateFolder, writeWhole } from "../files/whole.ts";

const port = z.int().min(0).max(65535);
const KEPT: z.ZodType<KeptNetwork[]> = z
  .array(
    z.object({
      name: z.string().max(32),
      mode: z.enum(["nat", "isolated", "bare"]),
      ipv4: z.string().max(32).nullable(),
      forwards: z
        .array(
          z.object({
            protocol: z.enum(["tcp", "udp"]),
            hostAddress: z.string().max(64),
            hostPort: port,
            guestAddress: z.string().max(64),
            guestPort: port,
          }),
        )
        .max(1024),
      services: z.array(z.object({ port, hostPort: port })).max(1024),
    }),
  )
  .max(64);

export class KeptNetworks {
  readonly #file: string | null;
  #all: readonly KeptNetwork[] = [];
  #writing: Promise<void> = Promise.resolve();

  /** `file` is null where nothing is kept beyond the application. `tell` is called with a sentence about a file that can't be used. */
  constructor(file: string | null, tell: (message: string) => void) {
    this.#file = file;
    if (file !== null) this.#all = read(file, tell);
  }

  /** The networks for the next power-on. */
  get all(): readonly KeptNetwork[] {
    return this.#all;
  }

  /** Keeps their present state. Rejects when it can't be written; then the file is as it was. */
  keep(reports: readonly NetworkReport[]): Promise<void> {
    const all = reports.map(keptNetwork);
    this.#all = all;
    const file = this.#file;
    if (file === null) return Promise.resolve();
    const written = this.#writing.then(async () => {
      await privateFolder(path.dirname(file));
      await writeWhole(file, `${JSON.stringify(all, null, 2)}\n`);
    });
    this.#writing = written.catch(() => {});
    return written;
  }
}

function read(file: string, tell: (message: string) => void): KeptNetwork[] {
  try {
    return KEPT.parse(JSON.parse(readFileSync(file, "utf8")));
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return [];
    const why = error instanceof z.ZodError || error instanceof SyntaxError ? "it is spoiled" : message;
    const aside = `${file}.spoiled`;
    try {
      rmSync(aside, { force: true, recursive: true });
      moveWholeSync(file, aside);
      tell(
        `The networks that were kept (${file}) can't be used: ${why}. They were put aside as ${path.basename(aside)}.`,
      );
    } catch {
      tell(`The networks that were kept (${file}) can't be used: ${why}.`);
    }
    return [];
  }
}
