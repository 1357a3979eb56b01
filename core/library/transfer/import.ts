/** Imports a domain from one file: our own archives, OVA and XVA, which differ in their first member. Either all of it arrives or nothing. */
import { open, rm } from "node:fs/promises";
import path from "node:path";
import { StoreError } from "../../dom0/storage/block-store.ts";
import { openStore } from "../../dom0/storage/open.ts";
import { moveWhole } from "../../files/whole.ts";
import { isDomainName } from "../../toolstack/domain-name.ts";
import { Refusal } from "../../toolstack/error.ts";
import { checkContents } from "../downloads/contents.ts";
import type { Move } from "../cloning.ts";
import { libraryFailure } from "../failure.ts";
import { convertWithRoom } from "../images/converting.ts";
import type { KeptFolder, Place } from "../kept-folder.ts";
import { freeName } from "../names.ts";
import { readArchive } from "./archive.ts";
import { adopted, withTargets } from "./config.ts";
import { PackageIntake } from "./import-package.ts";
import { kindOf } from "./first-member.ts";
import type { Arrived, Intake } from "./intake.ts";
import { OvaIntake } from "./ova.ts";
import { withScratch } from "./scratch.ts";
import { XvaIntake } from "./xva.ts";

export interface ImportOptions {
  /** The folder in which disks are kept. */
  readonly images: KeptFolder;
  readonly scratch: string;
  /** The domain's name; null for the one in the archive. */
  readonly name: string | null;
  readonly takenNames: () => Iterable<string>;
  /** Keeps noted where the disks are moved, until `then` has moved them and made a domain of them, so that nothing is left of them after a crash. */
  readonly moving: <T>(disks: readonly Move[], then: () => Promise<T>) => Promise<T>;
}
export interface ImportedDomain {
  readonly name: string;
  readonly config: string;
  readonly files: Readonly<Record<string, Uint8Array>>;
  readonly notes: readonly string[];
}

const READING = 0.6;
/** What is too much of a name. Whole characters are cut off. */
const LONG = /(?<=^.{60}).+$/su;

/**
 * `define` makes a domain of what came; where it fails, nothing is left. Throws Refusal, what `define` throws, or the reason of the aborted signal.
 */
export async function importDomain<T>(
  file: string,
  { images, scratch, name: wanted, takenNames, moving }: ImportOptions,
  define: (domain: ImportedDomain) => Promise<T>,
  progress: (done: number) => void,
  signal: AbortSignal,
): Promise<T> {
  try {
    return await withScratch(scratch, async (own) => {
      const arrived = await arrivedFrom(file, own, (done) => progress(done * READING), signal);
      const name = nameOf(wanted, arrived.name, takenNames());
      const made: string[] = [];
      for (const [i, source] of arrived.sources.entries()) {
        const share = (done: number): void => {
          signal.throwIfAborted();
          progress(READING + ((i + done) / arrived.sources.length) * (1 - READING));
        };
        made.push(await wholeImage(source, own, i, share));
      }
      const places: Place[] = [];
      try {
        for (const i of made.keys()) places.push(await images.place(`${name}${made.length > 1 ? `-${i}` : ""}.qcow2`));
        const targets = places.map((place) => place.path);
        const moves = targets.map((to, i) => ({ from: made[i]!, to }));
        return await moving(moves, async () => {
          const placed: string[] = [];
          try {
            for (const { from, to } of moves) {
              placed.push(to);
              await moveWhole(from, to);
            }
            const text = withTargets(
              arrived.config,
              arrived.disks,
              targets.map((target) => ({ target, format: "qcow2" })),
            );
            const config = adopted(text, name, new Set([...targets, ...Object.keys(arrived.files)]));
            signal.throwIfAborted();
            return await define({ name, config, files: arrived.files, notes: arrived.notes });
          } catch (error) {
            for (const each of placed) await rm(each, { force: true }).catch(() => {});
            throw error;
          }
        });
      } finally {
        for (const place of places) place.left();
      }
    });
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof StoreError)
      throw new Refusal(error.code, `${path.basename(file)} can't be imported: ${error.message}.`);
    if (error instanceof Error && !("syscall" in error)) throw error;
    throw libraryFailure(error, `${path.basename(file)} can't be imported`);
  }
}

async function arrivedFrom(
  file: string,
  scratch: string,
  progress: (done: number) => void,
  signal: AbortSignal,
): Promise<Arrived> {
  let intake: Intake | null = null;
  await readArchive(
    file,
    async (member) => {
      intake ??= new INTAKES[kindOf(member.name, path.basename(file))](scratch);
      await intake.take(member);
    },
    progress,
    signal,
  );
  if (!intake) throw new Refusal("EINVAL", `${path.basename(file)} is an archive with nothing in it.`);
  return (intake as Intake).end();
}

const INTAKES = { Xenarium: PackageIntake, OVA: OvaIntake, XVA: XvaIntake } as const;

function nameOf(wanted: string | null, said: string, taken: Iterable<string>): string {
  if (wanted !== null) return wanted;
  const plain = said
    .replace(/[^\p{L}\p{M}\p{N}_.+-]+/gu, "-")
    .replace(/^[-.]+|-+$/g, "")
    .replace(LONG, "");
  return freeName(isDomainName(plain) ? plain : "imported", taken);
}

/** Makes one qcow2 image that is based on nothing and can be opened. Throws Refusal, or StoreError that calls the disk what the archive calls it. */
async function wholeImage(
  source: Arrived["sources"][number],
  scratch: string,
  i: number,
  progress: (share: number) => void,
): Promise<string> {
  try {
    return await madeWhole(source, scratch, i, progress);
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    throw new StoreError(error.code, error.message.replaceAll(source.file, source.name));
  }
}

async function madeWhole(
  { file, format, name }: Arrived["sources"][number],
  scratch: string,
  i: number,
  progress: (share: number) => void,
): Promise<string> {
  if (format !== "qcow2") {
    const image = path.join(scratch, `${i}.converted.qcow2`);
    await convertWithRoom({ file, format }, { file: image, format: "qcow2" }, name, progress);
    await rm(file);
    return image;
  }
  const handle = await open(file, "r+");
  try {
    const read = async (offset: number, length: number): Promise<Uint8Array> => {
      const { bytesRead, buffer } = await handle.read(new Uint8Array(length), 0, length, offset);
      return buffer.subarray(0, bytesRead);
    };
    await checkContents({ read }, name);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await (await openStore(file, "qcow2", "read")).close();
  progress(1);
  return file;
}
