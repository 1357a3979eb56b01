/** Imports OVA (DSP0243): a tar archive whose first member describes a machine, with disks in vmdk format and a list of checksums (.mf). */
import path from "node:path";
import { Refusal } from "../../toolstack/error.ts";
import { wholeMember, type Member } from "./archive.ts";
import { createImage } from "../../dom0/storage/convert.ts";
import { checkSize } from "../images/work.ts";
import { lessThanWanted, machineText, OTHER_MACHINE, vdevOf } from "./guest-text.ts";
import type { Arrived, Intake, Look } from "./intake.ts";
import { vmdkIn } from "./ova-disk.ts";
import { takeMember, type Sums } from "./scratch.ts";
import { createHash } from "node:crypto";
import { MOST_XML_BYTES, nodesOf, readXml, textOf, type XmlNode } from "./xml.ts";

const MOST_MEMBERS = 64;
const MOST_DISKS = 16;
/** Since version 2 of OVF, disks and network interfaces have elements of their own. */
const ITEMS = ["Item", "StorageItem", "EthernetPortItem"];
const LISTS = ["File", "Disk", ...ITEMS, "VirtualHardwareSection", "HostResource"];
/** Numbers of the kinds of devices (CIM_ResourceAllocationSettingData). */
const [CPU, MEMORY, NETWORK, CD, DISK] = ["3", "4", "10", "15", "17"];

export class OvaIntake implements Intake {
  readonly #scratch: string;
  #machine: DescribedMachine | null = null;
  /** What its disks call their files. */
  #wanted: ReadonlySet<string> = new Set();
  #manifest: string | null = null;
  readonly #names = new Set<string>();
  /** The members that are used here; others are skipped. */
  readonly #members = new Map<string, { file: string | null; sums: Sums }>();

  constructor(scratch: string) {
    this.#scratch = scratch;
  }

  async take(member: Member): Promise<void> {
    const { name } = member;
    if (this.#names.has(name)) throw new Refusal("EINVAL", `The archive has ${name} twice.`);
    if (name.includes("/"))
      throw new Refusal("EINVAL", `The archive has a folder (${name}), which an OVA may not have.`);
    if (this.#names.size >= MOST_MEMBERS)
      throw new Refusal("EFBIG", `The archive has more than ${MOST_MEMBERS} members.`);
    this.#names.add(name);
    if (this.#machine === null) {
      const ovf = await wholeMember(member, MOST_XML_BYTES);
      this.#machine = describedMachine(ovf);
      const disks = this.#machine.of(DISK!).length;
      if (disks === 0) throw new Refusal("EINVAL", "Its machine has no disk.");
      if (disks > MOST_DISKS) throw new Refusal("EINVAL", `Its machine has more than ${MOST_DISKS} disks.`);
      this.#wanted = new Set(diskFiles(this.#machine.envelope));
      this.#members.set(name, { file: null, sums: sumsOf(ovf) });
    } else if (/\.mf$/i.test(name)) {
      if (this.#manifest !== null) throw new Refusal("EINVAL", "The archive has two lists of checksums.");
      this.#manifest = (await wholeMember(member, 64 * 1024)).toString("utf8");
    } else if (this.#wanted.has(name)) {
      const file = path.join(this.#scratch, `member-${this.#members.size}.vmdk`);
      this.#members.set(name, { file, sums: await takeMember(vmdkIn(member), file) });
    }
  }

  async end(): Promise<Arrived> {
    if (!this.#machine) throw new Refusal("EINVAL", "The archive has no description.");
    this.#checkManifest();
    const { envelope, name, memoryMiB, vcpus, of } = this.#machine;
    const sources: { file: string; format: string; name: string }[] = [];
    for (const [i, item] of of(DISK!).entries())
      sources.push({ ...(await this.#imageOf(envelope, item, i)), name: `disk-${i}` });
    if (new Set(sources.map(({ file }) => file)).size < sources.length)
      throw new Refusal("EINVAL", "Two disks of its machine are the same file.");
    const machine = {
      ...{ name, memoryMiB, vcpus, cmdline: "" },
      disks: sources.map((_, i) => ({ vdev: vdevOf(i), isReadOnly: false })),
      networks: of(NETWORK!).length,
    };
    const notes = [OTHER_MACHINE, ...lessThanWanted(machine)];
    if (this.#manifest === null) notes.push("It has no list of checksums: nothing says that it is whole.");
    if (of(CD!).length) notes.push("Its CD drives were left out.");
    return { name, ...machineText(machine), sources, files: {}, notes };
  }

  /** An archive that has a list of checksums must list every member. */
  #checkManifest(): void {
    if (this.#manifest === null) return;
    const listed = new Set<string>();
    for (const line of this.#manifest.split("\n")) {
      const [, algorithm, name, hex] = /^(SHA1|SHA256|SHA512) ?\((.+)\) ?= ?([0-9a-f]+)\s*$/i.exec(line.trim()) ?? [];
      const sums = name === undefined ? undefined : this.#members.get(name)?.sums;
      if (!sums || !algorithm || !hex) continue;
      if (sums[algorithm.toLowerCase() as keyof Sums] !== hex.toLowerCase())
        throw new Refusal(
          "EBADMSG",
          `${name} is damaged: its ${algorithm.toUpperCase()} is not what the archive's list says.`,
        );
      listed.add(name!);
    }
    for (const name of this.#members.keys())
      if (!listed.has(name))
        throw new Refusal(
          "EBADMSG",
          `The archive's list of checksums says nothing of ${name}: it is not proved to be whole.`,
        );
  }

  /**
   * Follows the references: HostResource "ovf:/disk/vmdisk1" → Disk's fileRef → File's href → the member. A disk without a fileRef is one with nothing
   * on it, which is made.
   */
  async #imageOf(envelope: XmlNode | undefined, item: XmlNode, i: number): Promise<{ file: string; format: string }> {
    const disk = diskOf(envelope, item);
    const fileRef = textOf(disk, "@fileRef");
    // What the other disk has would be missing.
    if (textOf(disk, "@parentRef"))
      throw new Refusal("EINVAL", `Its disk ${textOf(disk, "@diskId")} is based on another one: merge them first.`);
    if (disk && fileRef === "") {
      const file = path.join(this.#scratch, `empty-${i}.qcow2`);
      const bytes = capacityOf(disk) ?? 0;
      checkSize(bytes);
      await createImage(file, "qcow2", bytes);
      return { file, format: "qcow2" };
    }
    const file = filesIn(envelope).find((each) => textOf(each, "@id") === fileRef);
    const href = textOf(file, "@href");
    if (!disk || !file)
      throw new Refusal(
        "EINVAL",
        `Its disk ${textOf(item, "HostResource") || "without an image"} is not among the files of its description.`,
      );
    if (textOf(file, "@compression") || textOf(file, "@chunkSize"))
      throw new Refusal("EINVAL", `${href} is packed or in pieces, which is not read here: unpack it first.`);
    const member = this.#members.get(href) ?? this.#members.get(unescaped(href));
    if (!member?.file)
      throw new Refusal("EINVAL", `The archive does not have ${href || "a file"}, which its description names.`);
    return { file: member.file, format: "vmdk" };
  }
}

const filesIn = (envelope: XmlNode | undefined): XmlNode[] => nodesOf(nodesOf(envelope, "References")[0], "File");

/** The names of the files that any disk of its description has, as they stand there and with what is escaped in them (a space as %20) as itself. */
function diskFiles(envelope: XmlNode | undefined): string[] {
  const disks = nodesOf(nodesOf(envelope, "DiskSection")[0], "Disk");
  const refs = new Set(disks.map((disk) => textOf(disk, "@fileRef")).filter(Boolean));
  const hrefs = filesIn(envelope)
    .filter((file) => refs.has(textOf(file, "@id")))
    .map((file) => textOf(file, "@href"));
  return hrefs.flatMap((href) => [href, unescaped(href)]);
}

/** An OVF names files as URIs do. It may have names with a % of their own all the same. */
function unescaped(href: string): string {
  try {
    return decodeURIComponent(href);
  } catch {
    return href;
  }
}

/** The description of a device's disk; undefined where there is none. */
function diskOf(envelope: XmlNode | undefined, item: XmlNode): XmlNode | undefined {
  const id = /^(?:ovf:)?\/disk\/(.+)$/.exec(textOf(item, "HostResource"))?.[1];
  const all = nodesOf(nodesOf(envelope, "DiskSection")[0], "Disk");
  return id === undefined ? undefined : all.find((each) => textOf(each, "@diskId") === id);
}

/** Returns its size in bytes; null where the description does not tell it. */
function capacityOf(disk: XmlNode | undefined): number | null {
  const bytes = Number(textOf(disk, "@capacity")) * (unitOf(textOf(disk, "@capacityAllocationUnits")) ?? 1);
  return Number.isSafeInteger(bytes) && bytes > 0 ? bytes : null;
}

interface DescribedMachine {
  envelope: XmlNode | undefined;
  name: string;
  memoryMiB: number;
  vcpus: number;
  /** Its devices of one kind. */
  of: (kind: string) => XmlNode[];
}

function describedMachine(ovf: Buffer): DescribedMachine {
  const envelope = nodesOf(readXml(ovf, "Its OVF description", LISTS), "Envelope")[0];
  const system = nodesOf(envelope, "VirtualSystem")[0];
  if (!system)
    throw new Refusal(
      "EINVAL",
      "Its OVF description has no machine, or several: one machine can be imported at a time.",
    );
  const hardware = nodesOf(system, "VirtualHardwareSection")[0];
  const items = ITEMS.flatMap((element) => nodesOf(hardware, element));
  const of = (kind: string): XmlNode[] => items.filter((item) => textOf(item, "ResourceType") === kind);
  const name = textOf(system, "Name") || textOf(system, "@id");
  const vcpus = Number(textOf(of(CPU!)[0], "VirtualQuantity")) || 1;
  return { envelope, name, memoryMiB: memoryOf(of(MEMORY!)[0]), vcpus, of };
}

/** Returns what an OVF says of its machine, for the user to read; the archive's other members are not known yet. Throws Refusal. */
export function lookIntoOvf(ovf: Buffer): Look {
  const { envelope, name, memoryMiB, vcpus, of } = describedMachine(ovf);
  const disks = of(DISK!).map((item) => ({ bytes: capacityOf(diskOf(envelope, item)) }));
  return {
    name,
    memoryMiB,
    vcpus,
    disks,
    networks: of(NETWORK!).length,
    notes: [OTHER_MACHINE, ...lessThanWanted({ memoryMiB, vcpus })],
  };
}

function sumsOf(bytes: Buffer): Sums {
  const of = (algorithm: string): string => createHash(algorithm).update(bytes).digest("hex");
  return { sha1: of("sha1"), sha256: of("sha256"), sha512: of("sha512") };
}

function memoryOf(item: XmlNode | undefined): number {
  const quantity = Number(textOf(item, "VirtualQuantity"));
  const memory = (quantity * (unitOf(textOf(item, "AllocationUnits")) ?? 2 ** 20)) / 2 ** 20;
  return Number.isFinite(memory) && memory > 0 ? memory : 512;
}

/** How many bytes a unit such as "byte * 2^20" or "MegaBytes" has; null where none is named. */
function unitOf(units: string): number | null {
  const power = /2\^\s*(\d{1,2})/.exec(units)?.[1];
  if (power !== undefined) return 2 ** Number(power);
  const named = ["kilo", "mega", "giga", "tera"].findIndex((prefix) => units.toLowerCase().startsWith(prefix));
  return named < 0 ? null : 1024 ** (named + 1);
}
