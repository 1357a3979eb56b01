/** Boot configurations made to keep the host busy or to fill its memory. Each must end soon, and others must get their turn in the meantime. */
import { describe, expect, it } from "vitest";
import type { BootDisk, Volume } from "../../../core/dom0/bootloader/disk.ts";
import { BootError } from "../../../core/dom0/bootloader/error.ts";
import { readBls } from "../../../core/dom0/bootloader/configs/bls.ts";
import { readGrub } from "../../../core/dom0/bootloader/configs/grub.ts";
import { readGrubLegacy } from "../../../core/dom0/bootloader/configs/grub-legacy.ts";
import { readSyslinux } from "../../../core/dom0/bootloader/configs/syslinux.ts";
import type { FileSystem, Node } from "../../../core/dom0/bootloader/filesystems/filesystem.ts";

const MIB = 1 << 20;

interface FileNode extends Node {
  text: string;
  path: string;
}

/** Makes a volume with these files and no others. */
function volumeOf(files: Record<string, string>): Volume {
  const node = (path: string): FileNode => {
    const text = files[path];
    return { kind: text === undefined ? "directory" : "file", size: text?.length ?? 0, text: text ?? "", path };
  };
  const system: FileSystem<FileNode> = {
    type: "ext4",
    uuid: "",
    label: "",
    root: () => Promise.resolve(node("")),
    find: (directory, name) => {
      const path = `${directory.path}/${name}`;
      const isThere = Object.keys(files).some((file) => file === path || file.startsWith(`${path}/`));
      return Promise.resolve(isThere ? node(path) : null);
    },
    names: ({ path }) =>
      Promise.resolve(
        Object.keys(files)
          .filter((file) => file.startsWith(`${path}/`))
          .map((file) => file.slice(path.length + 1)),
      ),
    read: ({ text }, offset, target) => {
      target.set(Buffer.from(text, "latin1").subarray(offset, offset + target.length));
      return Promise.resolve();
    },
    linkTarget: () => Promise.reject(new Error("there are no links")),
  };
  return { partition: 1, active: true, bytes: 1 << 30, system: system as unknown as FileSystem };
}
const empty = volumeOf({});
const disk = {
  volumes: [empty],
  others: [],
  named: () => empty,
  withUuid: () => null,
  withLabel: () => null,
  withFile: () => Promise.resolve(null),
  place: (path: string) => ({ volume: empty, path }),
} as unknown as BootDisk;

/** Ends within the time, without keeping others from their turn for long. Returns what it says. */
async function survives(read: () => unknown): Promise<string> {
  let [last, longest, isOver] = [performance.now(), 0, false];
  const beat = (): void => {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
    if (!isOver) setImmediate(beat);
  };
  setImmediate(beat);
  const before = process.memoryUsage().heapUsed;
  let said = "";
  try {
    await read();
  } catch (error) {
    if (!(error instanceof BootError)) throw error;
    said = error.message;
  }
  // The time up to the very end counts too.
  await new Promise(setImmediate);
  isOver = true;
  // A script of one MiB is parsed in one go, which takes a quarter of a second on a quiet machine.
  expect(longest).toBeLessThan(8000);
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(400 * MIB);
  return said;
}
const grub = (text: string): Promise<unknown> => readGrub(disk, { volume: empty, path: "/boot/grub/grub.cfg" }, text);
const doubled = (value: string): string => `set a="${value}"\n${'set a="$a$a"\n'.repeat(9)}`;

describe("grub.cfg", () => {
  it.each<[string, string, RegExp]>([
    [
      "a command of a hundred thousand long variables",
      `${doubled("x x x x ")}echo ${"$a".repeat(400_000)}\n`,
      /too long/,
    ],
    ["a quoted word of them", `${doubled("12345678")}echo "${"$a".repeat(400_000)}"\n`, /too long/],
    ["tests of nothing but !", `[ ${"! ".repeat(4000)}x ]\n`.repeat(120), /no end/],
    ["tests of nothing but -o", `[ ${"-o ".repeat(2000)}x ]\n`.repeat(160), /no end/],
    [
      "loops in loops around nothing",
      `${doubled("x x ")}${"for b in $a ; do ".repeat(20)}${"done ; ".repeat(20)}\n`,
      /no end/,
    ],
    ["more variables than there are", Array.from({ length: 50_000 }, (_, i) => `set v${i}=1\n`).join(""), /variables/],
    [
      "variables copied for many entries",
      Array.from({ length: 1900 }, (_, i) => `set v${i}=1\n`).join("") + "menuentry x { true; }\n".repeat(999),
      /^$/,
    ],
    [
      "entries of thousands of RAM disks",
      `menuentry x { linux /k; initrd ${"a ".repeat(4000)}; }\n`.repeat(100),
      /no end/,
    ],
    ["braces in braces", "{ ".repeat(200_000), /nested/],
  ])(
    "%s",
    async (_, text, says) => {
      expect(await survives(() => grub(text))).toMatch(says);
    },
    30_000,
  );
});

describe("other formats", () => {
  const blanks = `a b${" ".repeat(600_000)}c${" ".repeat(300_000)}`;
  it("lines of nothing but spaces", async () => {
    await survives(() => readGrubLegacy(disk, { volume: empty, path: "/menu.lst" }, `title x\nkernel ${blanks}\n`));
    await survives(() => readSyslinux({ volume: empty, path: "/syslinux.cfg" }, `label x\n${blanks}\n`));
    await survives(() => readBls({ volume: volumeOf({ "/loader/entries/a.conf": `title ${blanks}\n` }), path: "" }));
  }, 30_000);

  it("a line for all entries that is as long as the file", async () => {
    const text = `append ${"word ".repeat(180_000)}\n${"label x\nkernel k\n".repeat(990)}`;
    expect(await survives(() => readSyslinux({ volume: empty, path: "/syslinux.cfg" }, text))).toMatch(/too long/);
  }, 30_000);

  it("a loader entry with a hundred thousand lines, or variables as long as a file", async () => {
    const many = volumeOf({ "/loader/entries/a.conf": `linux /k\n${"options x\n".repeat(100_000)}` });
    await survives(() => readBls({ volume: many, path: "" }));
    const long = volumeOf({
      "/grub2/grubenv": `k=${"x".repeat(900_000)}\n`,
      "/loader/entries/a.conf": `linux /k\noptions ${"$k ".repeat(2000)}\n`,
    });
    expect(await survives(() => readBls({ volume: long, path: "" }))).toMatch(/too long/);
  }, 30_000);
});

it("what is told of a disk holds no command to a terminal", () => {
  expect(new BootError("There is no \x1b]0;title\x07 \x9b31m").message).toBe("There is no ?]0;title? ?31m");
});
