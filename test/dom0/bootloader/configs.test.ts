/** Boot configurations as distributions have them, on disks, and the effect of pygrub's arguments. */
import { spawnSync } from "node:child_process";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { compareVersions } from "../../../core/dom0/bootloader/configs/bls.ts";
import type { BootList } from "../../../core/dom0/bootloader/entries.ts";
import { extract } from "../../../core/dom0/bootloader/extract.ts";
import { listEntries, parsePygrubArguments } from "../../../core/dom0/bootloader/pygrub.ts";
import { temporaryFolder } from "../../temporary.ts";
import { extImage, mbrDisk, memoryStore, plant, type Tree } from "./memory-store.ts";

const folder = temporaryFolder("bootconfigs");
const noExt = spawnSync("mke2fs", ["-V"]).error ? "e2fsprogs is not installed" : null;
const UUID = "5e0d1c7a-2b44-4f0c-9a35-6f1d2c3b4a59";
let number = 0;

function diskOf(tree: Tree): Buffer {
  return extImage(plant(path.join(folder, String(number++)), tree), 8, "-t", "ext4", "-U", UUID, "-L", "rootfs");
}
const list = (image: Buffer, ...args: string[]): Promise<BootList> =>
  listEntries(memoryStore(image), parsePygrubArguments(args));
const shown = ({ entries, default: chosen, timeout }: BootList): unknown => ({
  entries: entries.map(({ title, kernel, initrds, cmdline }) => [
    title,
    kernel.path,
    initrds.map((each) => each.path).join(),
    cmdline,
  ]),
  chosen,
  timeout,
});

/** A short version of what Debian's generator writes. */
const DEBIAN = `# made by a generator
if [ -s $prefix/grubenv ]; then
  set have_grubenv=true
  load_env
fi
if [ "\${next_entry}" ] ; then
   set default="\${next_entry}"
   set next_entry=
   save_env next_entry
else
   set default="\${saved_entry}"
fi
if [ x"\${feature_menuentry_id}" = xy ]; then
  menuentry_id_option="--id"
else
  menuentry_id_option=""
fi
function gfxmode {
  set gfxpayload="\${1}"
  menuentry 'never' { linux /never }
}
if [ x$feature_timeout_style = xy ] ; then
  set timeout_style=menu
  set timeout=5
else
  set timeout=7
fi
set root='hd0,msdos7'
search --no-floppy --fs-uuid --set=root --hint='hd0,msdos1'  ${UUID}
menuentry 'Debian GNU/Linux' --class debian --class os $menuentry_id_option 'gnulinux-simple-${UUID}' {
	load_video
	insmod gzio
	if [ x$grub_platform = xxen ]; then insmod xzio; insmod lzopio; fi
	echo	'Loading Linux 6.1 ...'
	linux	/boot/vmlinuz-6.1 root=UUID=${UUID} ro  console=hvc0 name="two words" \\
	   quiet
	initrd	/boot/early.img /boot/initrd.img-6.1
}
submenu 'Advanced options for Debian' $menuentry_id_option 'gnulinux-advanced-${UUID}' {
	menuentry 'Debian, with Linux 6.1' --class debian $menuentry_id_option 'gnulinux-6.1-advanced' {
		linux /boot/vmlinuz-6.1 root=/dev/xvda1 ro
	}
	menuentry 'Debian, with Linux 5.10 (recovery)' --id old {
		linux /boot/vmlinuz-5.10 root=/dev/xvda1 ro single
		initrd /boot/initrd.img-5.10
	}
}
menuentry 'UEFI Firmware Settings' { fwsetup }
menuentry 'Debian with Xen' {
	multiboot2 /boot/xen-4.17.gz placeholder  \${xen_rm_opts}
	module2 /boot/vmlinuz-6.1 placeholder root=/dev/xvda1 ro
	module2 --nounzip /boot/initrd.img-6.1
}
while true; do menuentry 'endless' { linux /endless }; done
for each in a b; do menuentry "loop $each" { linux /$each; }; done
`;

const GRUBENV = `# GRUB Environment Block\nsaved_entry=gnulinux-advanced-${UUID}>old\nkernelopts=root=/dev/mapper/vg-root ro rhgb\n${"#".repeat(300)}`;

const FEDORA: Tree = {
  "boot/grub2/grub.cfg": `set timeout=1
if [ -f \${config_directory}/grubenv ]; then load_env -f \${config_directory}/grubenv
elif [ -s $prefix/grubenv ]; then load_env
fi
if [ "\${saved_entry}" ]; then set default="\${saved_entry}"; fi
search --no-floppy --label --set=root rootfs
insmod blscfg
blscfg
`,
  "boot/grub2/grubenv": "saved_entry=abc-6.2.9-300.fc38.x86_64\nkernelopts=root=LABEL=rootfs ro\n",
  "boot/loader/entries/abc-6.2.9-300.fc38.x86_64.conf":
    "title Fedora Linux (6.2.9)\nversion 6.2.9\nlinux /boot/vmlinuz-6.2.9\ninitrd /boot/initramfs-6.2.9.img $tuned_initrd\noptions root=UUID=1 ro $tuned_params\ngrub_class fedora\n",
  "boot/loader/entries/abc-6.10.1-100.fc38.x86_64.conf":
    "title Fedora Linux (6.10.1)\nlinux /boot/vmlinuz-6.10.1\ninitrd /boot/initramfs-6.10.1.img\n",
  "boot/loader/entries/abc-0-rescue.conf": "title Rescue\nlinux /boot/vmlinuz-0\noptions $kernelopts single\n",
};

const ALPINE = `DEFAULT menu.c32
PROMPT 0
MENU TITLE Alpine/Linux Boot Menu
TIMEOUT 25
LABEL virt
  MENU DEFAULT
  MENU LABEL Linux ^virt
  LINUX vmlinuz-virt
  INITRD initramfs-virt,/boot/extra.img
  APPEND root=UUID=2 modules=ext4 quiet
label old
  kernel /boot/vmlinuz-old
  append initrd=initramfs-old root=/dev/xvda ro
LABEL chain
  COM32 chain.c32
  KERNEL chain.c32
include more.cfg
`;

const LEGACY = `# comment
default=1
timeout 8
title  Old kernel
root (hd0,0)
kernel /boot/vmlinuz-old root=/dev/xvda1 ro
initrd /boot/initrd-old
title  New kernel
  root  (hd0,0)
  kernel (hd0,0)/boot/vmlinuz-new  root=/dev/xvda1 console=hvc0
  initrd (hd0,0)/boot/initrd-new
title Xen
  kernel /boot/xen.gz dom0_mem=512M
  module /boot/vmlinuz-xen root=/dev/xvda1
  module /boot/initrd-xen
title Other system
  chainloader +1
`;

describe.skipIf(noExt !== null)("boot configurations", () => {
  it("grub.cfg of Debian: conditions, environment, submenus, several initrds, Xen's modules", async () => {
    const files = { "boot/grub/grub.cfg": DEBIAN, "boot/grub/grubenv": GRUBENV };
    expect(shown(await list(diskOf(files)))).toEqual({
      entries: [
        [
          "Debian GNU/Linux",
          "/boot/vmlinuz-6.1",
          "/boot/early.img,/boot/initrd.img-6.1",
          `root=UUID=${UUID} ro console=hvc0 "name=two words" quiet`,
        ],
        ["Debian, with Linux 6.1", "/boot/vmlinuz-6.1", "", "root=/dev/xvda1 ro"],
        [
          "Debian, with Linux 5.10 (recovery)",
          "/boot/vmlinuz-5.10",
          "/boot/initrd.img-5.10",
          "root=/dev/xvda1 ro single",
        ],
        ["Debian with Xen", "/boot/vmlinuz-6.1", "/boot/initrd.img-6.1", "root=/dev/xvda1 ro"],
        ["loop a", "/a", "", ""],
        ["loop b", "/b", "", ""],
      ],
      chosen: 2,
      timeout: 5,
    });
  });

  it.each([
    ["0", 0],
    ["1>1", 2],
    ["Advanced options for Debian>Debian, with Linux 6.1", 1],
    ["3", 3],
    ["no such entry", 0],
    ["2", 0],
  ])("default %s", async (wanted, index) => {
    const text = DEBIAN.replace(/set default="\$\{saved_entry\}"/, `set default="${wanted}"`);
    expect((await list(diskOf({ "boot/grub/grub.cfg": text }))).default).toBe(index);
  });

  it("grub.cfg of Fedora with entries of the boot loader specification, newest first", async () => {
    expect(shown(await list(mbrDisk(diskOf(FEDORA), false)))).toEqual({
      entries: [
        ["Fedora Linux (6.10.1)", "/boot/vmlinuz-6.10.1", "/boot/initramfs-6.10.1.img", "root=LABEL=rootfs ro"],
        ["Fedora Linux (6.2.9)", "/boot/vmlinuz-6.2.9", "/boot/initramfs-6.2.9.img", "root=UUID=1 ro"],
        ["Rescue", "/boot/vmlinuz-0", "", "root=LABEL=rootfs ro single"],
      ],
      chosen: 1,
      timeout: 1,
    });
    expect(compareVersions("6.10.1", "6.9.20")).toBeGreaterThan(0);
    expect(compareVersions("6.1", "6.1.1")).toBeLessThan(0);
  });

  it("entries alone, with loader.conf", async () => {
    const entries = Object.entries(FEDORA)
      .filter(([name]) => name.includes("/entries/"))
      .map(([name, text]) => [name.slice(5), text] as const);
    const tree = { ...Object.fromEntries(entries), "loader/loader.conf": "timeout 4\ndefault abc-*-rescue.conf\n" };
    expect(await list(diskOf(tree))).toMatchObject({ source: "loader/entries", default: 2, timeout: 4 });
  });

  it("a small grub.cfg on another partition's file system leads to the real one", async () => {
    const tree = {
      "EFI/debian/grub.cfg": `search.fs_uuid ${UUID} root hd0,gpt2\nset prefix=($root)'/elsewhere'\nconfigfile $prefix/grub.cfg\n`,
      "elsewhere/grub.cfg": "menuentry one { linux /vmlinuz a=1; initrd /i; }\nset timeout=3\n",
    };
    expect(shown(await list(diskOf(tree)))).toEqual({
      entries: [["one", "/vmlinuz", "/i", "a=1"]],
      chosen: 0,
      timeout: 3,
    });
  });

  it("extlinux.conf of Alpine, with an include", async () => {
    const tree = {
      "boot/extlinux.conf": ALPINE,
      "boot/more.cfg": "label more\nlinux /m\nmenu default\nINCLUDE more.cfg\n",
    };
    const found = await list(diskOf(tree));
    expect(
      found.entries
        .slice(0, 3)
        .map(({ title, kernel, initrds, cmdline }) => [
          title,
          kernel.path,
          initrds.map((each) => each.path).join(),
          cmdline,
        ]),
    ).toEqual([
      ["Linux virt", "/boot/vmlinuz-virt", "/boot/initramfs-virt,/boot/extra.img", "root=UUID=2 modules=ext4 quiet"],
      ["old", "/boot/vmlinuz-old", "/boot/initramfs-old", "root=/dev/xvda ro"],
      ["more", "/m", "", ""],
    ]);
    expect(found).toMatchObject({ default: 2, timeout: 3, source: "/boot/extlinux.conf" });
  });

  it("menu.lst, whose partitions count from 0", async () => {
    expect(shown(await list(mbrDisk(diskOf({ "boot/grub/menu.lst": LEGACY }), false)))).toEqual({
      entries: [
        ["Old kernel", "/boot/vmlinuz-old", "/boot/initrd-old", "root=/dev/xvda1 ro"],
        ["New kernel", "/boot/vmlinuz-new", "/boot/initrd-new", "root=/dev/xvda1 console=hvc0"],
        ["Xen", "/boot/vmlinuz-xen", "/boot/initrd-xen", "root=/dev/xvda1"],
      ],
      chosen: 1,
      timeout: 8,
    });
  });

  it("bytes of kernel and RAM disks, joined at multiples of four; limits", async () => {
    const tree = {
      "boot/grub/grub.cfg": "menuentry a { linux /k x; initrd /one /two }",
      k: "kernel",
      one: "12345",
      two: "abc",
    };
    const { entries } = await list(diskOf(tree));
    const { kernel, ramdisk, cmdline } = await extract(entries[0]!);
    expect(Buffer.from(kernel).toString()).toBe("kernel");
    expect(Buffer.from(ramdisk!).toString()).toBe("12345\0\0\0abc\0");
    expect(cmdline).toBe("x");
    await expect(extract(entries[0]!, 4)).rejects.toThrow("/one on the disk has 1 MiB");
    const gone = await list(diskOf({ "boot/grub/grub.cfg": "menuentry a { linux /gone }" }));
    await expect(extract(gone.entries[0]!)).rejects.toThrow("There is no /gone on the disk's ext4 file system.");
  });

  it("pygrub's arguments", async () => {
    const image = diskOf({ "boot/grub/grub.cfg": DEBIAN, vmlinuz: "k", initrd: "i" });
    expect((await list(image, "--entry", "1", "--args=extra words")).entries[1]!.cmdline).toBe(
      "root=/dev/xvda1 ro extra words",
    );
    expect((await list(image, "--entry=Debian with Xen")).default).toBe(3);
    await expect(list(image, "--entry=9")).rejects.toThrow(/no entry 9 .* 0 "Debian GNU\/Linux", 1 /);
    expect(shown(await list(image, "--kernel=/vmlinuz", "--ramdisk=/initrd", "--args=a b"))).toEqual({
      entries: [["/vmlinuz", "/vmlinuz", "/initrd", "a b"]],
      chosen: 0,
      timeout: null,
    });
    await expect(list(image, "--kernel=/none")).rejects.toThrow("There is no /none on the disk");
    expect(() => parsePygrubArguments(["--offset=1"])).toThrow('"--offset=1" is no argument');
    expect(() => parsePygrubArguments(["--entry"])).toThrow("its value is missing");
    expect(parsePygrubArguments(["-q"]).quiet).toBe(true);
  });

  it("says what is missing", async () => {
    await expect(list(Buffer.alloc(1 << 20))).rejects.toThrow("There is no file system on the disk that can be read");
    await expect(list(mbrDisk(diskOf({ readme: "x" }), false))).rejects.toThrow(
      /no boot configuration on the disk \(ext4 on partition 1\): grub.cfg, /,
    );
    await expect(list(diskOf({ "boot/grub/grub.cfg": "menuentry x { chainloader +1 }" }))).rejects.toThrow(
      "/boot/grub/grub.cfg has no entry that starts a kernel",
    );
  });

  it.each([
    [
      "a loop that never ends",
      "for a in 1 2 3 4 5 6 7 8 9 10; do ".repeat(6) + "true\n" + "done\n".repeat(6),
      /comes to no end/,
    ],
    ["a text that grows", "set a=xxxxxxxxxxxxxxxx\n" + "set a=$a$a\n".repeat(40), /too long/],
    ["deep nesting", "if true; then\n".repeat(500), /nested more than/],
    ["a file that reads itself", "source /boot/grub/grub.cfg\nmenuentry x { linux /k; }\n", null],
    ["many entries", "menuentry x { linux /k; }\n".repeat(3000), /more than 1000 entries/],
    ["quotes that don't end", "menuentry 'x { linux /k\n\"${", /no entry that starts a kernel/],
    ["blocks that don't end", "menuentry x { linux /k\nsubmenu y { if [ a", null],
  ])("%s", async (_name, text, error) => {
    const found = list(diskOf({ "boot/grub/grub.cfg": text }));
    if (error) await expect(found).rejects.toThrow(error);
    else expect((await found).entries.length).toBeGreaterThan(0);
  });
});
