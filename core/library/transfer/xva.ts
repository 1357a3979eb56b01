/**
 * Imports XVA, XenServer's exports. `ova.xml` describes the objects of the pool. Then come the disks in pieces of 1 MiB (`Ref:12/00000000`), each
 * followed by its SHA-1 (`Ref:12/00000000.checksum`). Pieces of zeros are left out. Each goes to its place in a new image, so a disk that is said to be large
 * takes no more room and time than its pieces.
 */
import { createHash } from "node:crypto";
import path from "node:path";
import { StoreError, type BlockStore } from "../../dom0/storage/block-store.ts";
import { createImage } from "../../dom0/storage/convert.ts";
import { openStore } from "../../dom0/storage/open.ts";
import { Refusal } from "../../toolstack/error.ts";
import { wholeMember, type Member } from "./archive.ts";
import { lessThanWanted, machineText, OTHER_MACHINE } from "./guest-text.ts";
import type { Arrived, Intake, Look } from "./intake.ts";
import { checkRoom } from "../images/room.ts";
import { MOST_XML_BYTES, nodesOf, readXml, textOf, type XmlNode } from "./xml.ts";

const PIECE = 2 ** 20;
const ZEROES = Buffer.alloc(PIECE);
const MOST_DISKS = 16;
const MOST_DISK_BYTES = 2 ** 43;
const MOST_CMDLINE = 1000;
/** Free room is checked once for so many pieces. */
const ROOM_EVERY = 64;
/** The ending of the checksums in newer exports. Their kind is not known here, so such pieces are not checked. */
const UNKNOWN_SUM = ".xxhash";

interface Disk {
  readonly ref: string;
  readonly bytes: number;
  readonly vdev: string;
  readonly isReadOnly: boolean;
}

export class XvaIntake implements Intake {
  readonly #scratch: string;
  #machine: Machine | null = null;
  /** The disk whose pieces are coming, the number of the last piece, and that piece's checksum until it was compared. */
  #current: { disk: Disk; image: BlockStore; last: number; sum: string | null } | null = null;
  readonly #come = new Map<string, string>();
  #unchecked = false;
  #pieces = 0;

  constructor(scratch: string) {
    this.#scratch = scratch;
  }

  async take(member: Member): Promise<void> {
    try {
      if (!this.#machine) this.#machine = machineOf(await wholeMember(member, MOST_XML_BYTES));
      else await this.#piece(member);
    } catch (error) {
      await this.#close().catch(() => {});
      throw this.#named(error);
    }
  }

  async #piece(member: Member): Promise<void> {
    const [, ref, number, ending = ""] = /^(Ref:[^/]{1,64})\/(\d{8})(\.checksum|\.xxhash)?$/.exec(member.name) ?? [];
    if (ref === undefined) throw new Refusal("EINVAL", `The archive has a member ${member.name} that no XVA has.`);
    const n = Number(number);
    if (ending !== "") return this.#checksum(member, ref, n, ending);
    const disk = this.#machine!.disks.find((each) => each.ref === ref);
    if (!disk) throw new Refusal("EINVAL", `The archive has pieces of ${ref}, which is no disk of its machine.`);
    if (this.#current?.disk !== disk) await this.#begin(disk);
    const current = this.#current!;
    if (current.sum !== null) throw new Refusal("EBADMSG", `A piece of ${ref} has no checksum behind it.`);
    if (n <= current.last) throw new Refusal("EINVAL", `${member.name} comes twice, or too late.`);
    if (n * PIECE + member.size > disk.bytes || member.size > PIECE)
      throw new Refusal("EINVAL", `${member.name} lies beyond the ${disk.bytes} bytes of its disk.`);
    if (this.#pieces++ % ROOM_EVERY === 0) await checkRoom(this.#scratch, ROOM_EVERY * PIECE, ref);
    const bytes = await wholeMember(member, PIECE);
    if (!bytes.equals(ZEROES.subarray(0, bytes.length))) await current.image.write(n * PIECE, [bytes]);
    current.last = n;
    current.sum = createHash("sha1").update(bytes).digest("hex");
  }

  async #checksum(member: Member, ref: string, n: number, ending: string): Promise<void> {
    const current = this.#current;
    if (current?.disk.ref !== ref || current.last !== n || current.sum === null)
      throw new Refusal("EINVAL", `${member.name} is not behind its piece.`);
    const text = (await wholeMember(member, 256)).toString("latin1").trim().toLowerCase();
    if (ending === UNKNOWN_SUM) this.#unchecked = true;
    else if (text !== current.sum)
      throw new Refusal(
        "EBADMSG",
        `${ref}/${String(n).padStart(8, "0")} is damaged: its SHA-1 is not what the archive says.`,
      );
    current.sum = null;
  }

  async #begin(disk: Disk): Promise<void> {
    await this.#close();
    if (this.#come.has(disk.ref)) throw new Refusal("EINVAL", `The pieces of ${disk.ref} do not come together.`);
    const file = path.join(this.#scratch, `${this.#come.size}.qcow2`);
    this.#come.set(disk.ref, file);
    await createImage(file, "qcow2", disk.bytes);
    this.#current = { disk, image: await openStore(file, "qcow2", "read-write"), last: -1, sum: null };
  }

  /** The user knows the disk, and not the file that it is on its way. */
  #named(error: unknown): unknown {
    if (!(error instanceof StoreError)) return error;
    const message = [...this.#come].reduce((text, [ref, file]) => text.replaceAll(file, ref), error.message);
    return new StoreError(error.code, message);
  }

  async #close(): Promise<void> {
    const current = this.#current;
    this.#current = null;
    await current?.image.close();
    if (current?.sum) throw new Refusal("EBADMSG", `The last piece of ${current.disk.ref} has no checksum behind it.`);
  }

  async end(): Promise<Arrived> {
    await this.#close();
    if (!this.#machine) throw new Refusal("EINVAL", "The archive has no description.");
    const { name, memoryMiB, vcpus, cmdline, networks, disks: wanted } = this.#machine;
    const sources = wanted.map(({ ref }, i) => {
      const file = this.#come.get(ref);
      if (file === undefined) throw new Refusal("EINVAL", `The archive has nothing of the disk ${ref}.`);
      return { file, format: "qcow2", name: `disk-${i}` };
    });
    const { config, disks } = machineText({ name, memoryMiB, vcpus, cmdline, networks, disks: wanted });
    const notes = [OTHER_MACHINE, ...lessThanWanted(this.#machine)];
    if (this.#unchecked) notes.push("Its checksums are of a kind that is not known here: nothing was checked by them.");
    return { name, config, disks, sources, files: {}, notes };
  }
}

interface Machine {
  name: string;
  memoryMiB: number;
  vcpus: number;
  cmdline: string;
  networks: number;
  disks: Disk[];
}

/** Returns what an ova.xml says of its machine, for the user to read. Throws Refusal. */
export function lookIntoXva(bytes: Buffer): Look {
  const { name, memoryMiB, vcpus, networks, disks } = machineOf(bytes);
  return {
    name,
    memoryMiB,
    vcpus,
    networks,
    disks: disks.map((each) => ({ bytes: each.bytes })),
    notes: [OTHER_MACHINE, ...lessThanWanted({ memoryMiB, vcpus })],
  };
}

/** Cuts what a domain's command line can't hold, in bytes; a character that is cut in two goes. */
function commandLine(text: string): string {
  const plain = Buffer.from(text.replace(/[\p{Cc}\p{Cf}]/gu, " "));
  return new TextDecoder().decode(plain.subarray(0, MOST_CMDLINE)).replace(/\uFFFD$/, "");
}

type Struct = ReadonlyMap<string, XmlNode>;

/** Reads a struct of XML-RPC: its members by name. */
function structOf(value: XmlNode | undefined): Struct {
  const members = nodesOf(nodesOf(value, "struct")[0], "member");
  return new Map(
    members.flatMap((each) =>
      nodesOf(each, "value")
        .slice(0, 1)
        .map((of) => [textOf(each, "name"), of]),
    ),
  );
}
function stringOf(struct: Struct, name: string): string {
  const value = struct.get(name);
  for (const kind of ["#text", "string", "int", "i4", "double", "boolean"]) {
    const text = textOf(value, kind);
    if (text) return text;
  }
  return "";
}
const isTrue = (text: string): boolean => text === "1" || text === "true";

function machineOf(bytes: Buffer): Machine {
  const all = structOf(nodesOf(readXml(bytes, "Its ova.xml", ["member"]), "value")[0]);
  const data = nodesOf(nodesOf(all.get("objects"), "array")[0], "data")[0];
  const objects = nodesOf(data, "value").map((value) => {
    const struct = structOf(value);
    return { kind: stringOf(struct, "class"), id: stringOf(struct, "id"), facts: structOf(struct.get("snapshot")) };
  });
  const of = (kind: string): typeof objects => objects.filter((each) => each.kind.toLowerCase() === kind);
  const machines = of("vm").filter(({ facts }) => !isTrue(stringOf(facts, "is_a_snapshot")));
  const [machine] = machines;
  if (!machine || machines.length > 1)
    throw new Refusal("EINVAL", `Its ova.xml has ${machines.length} machines; allowed: one.`);
  const own = ({ facts }: (typeof objects)[number]): boolean => stringOf(facts, "VM") === machine.id;
  const disks = of("vbd")
    .filter((vbd) => own(vbd) && stringOf(vbd.facts, "type") !== "CD")
    .flatMap(({ facts }) => {
      const ref = stringOf(facts, "VDI");
      const image = of("vdi").find(({ id }) => id === ref);
      if (!image) return [];
      const size = Number(stringOf(image.facts, "virtual_size"));
      if (!Number.isSafeInteger(size) || size <= 0 || size > MOST_DISK_BYTES || size % 512)
        throw new Refusal(
          "EINVAL",
          `The disk ${ref} has ${size} bytes; allowed: a multiple of 512, up to ${MOST_DISK_BYTES}.`,
        );
      const place = Number(stringOf(facts, "userdevice"));
      return [
        { ref, bytes: size, place: Number.isInteger(place) ? place : 99, isReadOnly: stringOf(facts, "mode") === "RO" },
      ];
    })
    .sort((a, b) => a.place - b.place);
  if (disks.length === 0) throw new Refusal("EINVAL", "Its machine has no disk.");
  if (disks.length > MOST_DISKS || new Set(disks.map(({ ref }) => ref)).size < disks.length)
    throw new Refusal("EINVAL", `Its machine has more than ${MOST_DISKS} disks, or one of them twice.`);
  const { facts } = machine;
  return {
    name: stringOf(facts, "name_label"),
    memoryMiB: Number(stringOf(facts, "memory_static_max")) / 2 ** 20 || 512,
    vcpus: Number(stringOf(facts, "VCPUs_max")) || 1,
    cmdline: commandLine(stringOf(facts, "PV_args")),
    networks: of("vif").filter(own).length,
    disks: disks.map(({ ref, bytes: size, isReadOnly }, i) => ({
      ...{ ref, bytes: size, isReadOnly },
      vdev: `xvd${String.fromCharCode(97 + i)}`,
    })),
  };
}
