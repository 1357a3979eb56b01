/** A real 9pfs frontend, Debian's 9pnet_xen, on this host's backend: the guest has the folder's files, and nothing else of the host's. */
import { createHash, randomBytes } from "node:crypto";
import {
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { HostService } from "../../core/api/host-service.ts";
import { builtHost } from "../built-host.ts";
import { temporaryFolder } from "../temporary.ts";
import { debianKernel, guestsMissing, initramfs, kernelModules } from "./images.ts";
import { onConsole } from "./on-console.ts";

const guests = guestsMissing();
const folder = temporaryFolder("shared");
const shared = path.join(folder, "share");
let host: HostService;
let count = 0;

const { ask, shown, ended } = onConsole(() => host, 240_000);
const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
const inShare = (name: string): string => path.join(shared, name);

async function start(script: string, folders: string[]): Promise<number> {
  const config = [
    `name = "shared${++count}"`,
    `kernel = "${debianKernel()}"`,
    `ramdisk = "${initramfs("ready", script, {}, kernelModules("9pnet_xen", "9p"))}"`,
    `cmdline = "console=hvc0 quiet"`,
    `memory = 256`,
    `vcpus = 1`,
    `p9 = [${folders.map((each) => `'${each}'`).join(", ")}]`,
  ].join("\n");
  return (await ask("create", { config, configName: path.join(folder, "shared.cfg") })).domid;
}
const MOUNT = (tag: string, where: string): string =>
  `busybox mkdir ${where}; mount -t 9p -o trans=xen,version=9p2000.L ${tag} ${where} || echo MOUNT-FAILED`;

beforeAll(async () => {
  host = builtHost({ memoryMiB: 768 });
  await host.powerOn();
});
afterAll(() => host.powerOff(1000));

describe.skipIf(guests !== null)(`a shared folder${guests ? ` (${guests})` : ""}`, () => {
  it("is read, written, listed and changed by Linux, and is on the host what it is in the guest", async () => {
    mkdirSync(inShare("many"), { recursive: true });
    for (let i = 0; i < 1000; i++) writeFileSync(inShare(`many/file number ${i}`), `${i}\n`);
    const big = randomBytes(64 << 20);
    writeFileSync(inShare("big"), big);
    writeFileSync(inShare("älter"), "as it was\n");
    writeFileSync(path.join(folder, "secret"), "SECRET");
    symlinkSync(path.join(folder, "secret"), inShare("absolute"));
    symlinkSync("../secret", inShare("climbing"));
    symlinkSync(folder, inShare("outside"));
    const script = [
      MOUNT("share", "/share"),
      "cd /share",
      "ls -a many > /tmp/many",
      'echo "COUNT $(wc -l < /tmp/many) $(grep file /tmp/many | cut -d" " -f3 | sort -n | sha256sum | cut -d" " -f1)"',
      'echo "READ $(cat many/*11 | wc -c)"',
      "dd if=big of=copy bs=1M 2>/dev/null",
      'echo "SUM $(dd if=copy bs=1M 2>/dev/null | sha256sum | cut -d" " -f1)"',
      'echo "NAMED $(cat älter)"',
      'echo "appended" >> älter',
      "busybox mkdir -p made/deeper",
      "echo one > made/deeper/one; busybox mv made/deeper made/moved; cat made/moved/one",
      "busybox mv many/file\\ number\\ 7 'made/seven'; busybox rm many/file\\ number\\ 8",
      "busybox ln made/seven made/again; busybox ln -s moved/one made/down; cat made/down",
      "busybox ln -s /etc/passwd made/bad1 2>/dev/null || echo REFUSED-ABSOLUTE",
      "busybox ln -s ../../x made/bad2 2>/dev/null || echo REFUSED-CLIMBING",
      "busybox mknod made/null c 1 3 2>/dev/null || echo REFUSED-DEVICE",
      "busybox chmod 6751 made/seven; busybox touch -d '2001-02-03 04:05:06' made/seven",
      "busybox truncate -s 12345 made/again; busybox stat -c '%s %h' made/seven",
      "exec 3> made/held; busybox rm made/held; echo kept >&3 && echo WROTE-UNLINKED; exec 3>&-",
      "busybox rmdir made 2>/dev/null || echo NOT-EMPTY",
      "busybox mkdir gone && busybox rmdir gone && echo REMOVED",
      // Links are followed by the guest, inside the guest.
      "cat absolute climbing outside/secret 2>/dev/null",
      'echo "LINKS $(busybox readlink climbing)"',
      "busybox mv climbing moved-link 2>/dev/null || echo LINK-STAYS",
      'sync; busybox df /share | busybox tail -n 1 | busybox awk \'{ print ($2 > 0) ? "SIZED" : "EMPTY" }\'',
      "cd /; umount /share && echo UNMOUNTED",
      MOUNT("share", "/again"),
      "ls /again/made | sort | busybox tr '\\n' ' '; echo",
      "poweroff -f",
    ].join("\n");
    const log = await ended(await start(script, [`tag=share,security_model=none,path=${shared},backend=0`]));
    expect(log).not.toContain("FAILED");
    const numbers = Array.from({ length: 1000 }, (_, i) => `${i}\n`).join("");
    expect(log).toContain(`COUNT 1002 ${sha256(Buffer.from(numbers))}`);
    expect(log).toContain("READ 39");
    expect(log).toContain(`SUM ${sha256(big)}`);
    expect(sha256(readFileSync(inShare("copy")))).toBe(sha256(big));
    expect(log).toContain("NAMED as it was");
    expect(readFileSync(inShare("älter"), "utf8")).toBe("as it was\nappended\n");
    expect(readFileSync(inShare("made/moved/one"), "utf8")).toBe("one\n");
    expect(existsSync(inShare("many/file number 7"))).toBe(false);
    expect(readdirSync(inShare("many")).length).toBe(998);
    expect(readlinkSync(inShare("made/down"))).toBe("moved/one");
    for (const word of ["ABSOLUTE", "CLIMBING", "DEVICE"]) expect(log).toContain(`REFUSED-${word}`);
    const seven = statSync(inShare("made/seven"));
    expect([seven.mode & 0o7777, seven.size, seven.nlink]).toEqual([0o751, 12345, 2]);
    expect(log).toContain("12345 2");
    for (const word of ["WROTE-UNLINKED", "NOT-EMPTY", "REMOVED", "LINK-STAYS", "SIZED", "UNMOUNTED"])
      expect(log).toContain(word);
    expect(log).toContain("LINKS ../secret");
    expect(log).not.toContain("SECRET");
    expect(log).toContain("again down moved seven");
    expect(readdirSync(inShare("made")).sort()).toEqual(["again", "down", "moved", "seven"]);
    expect(await ask("checkInvariants")).toBe(0);
  }, 300_000);

  it("that is read-only refuses to be changed; two guests' folders of one name don't meet; one comes and goes while the guest runs", async () => {
    const [first, second, third] = ["first", "second", "third"].map((name) => path.join(folder, name));
    for (const each of [first!, second!, third!]) {
      mkdirSync(each, { recursive: true });
      writeFileSync(path.join(each, "file"), `of ${path.basename(each)}\n`);
    }
    writeFileSync(path.join(folder, "secret"), "SECRET");
    linkSync(path.join(first!, "file"), path.join(first!, "other"));
    const script = [
      MOUNT("read", "/read"),
      MOUNT("write", "/write"),
      "cat /read/file /write/file",
      "(echo x > /read/file) 2>&1; (echo x > /read/new) 2>&1; busybox mkdir /read/d 2>&1; busybox rm /read/file 2>&1; busybox mv /read/file /read/g 2>&1; busybox chmod 0 /read/file 2>&1; busybox touch /read/file 2>&1; busybox ln -s a /read/l 2>&1; busybox ln /read/file /read/m 2>&1; busybox truncate -s 0 /read/other 2>&1",
      "echo written > /write/file",
      "echo READY",
      "until mount -t 9p -o trans=xen,version=9p2000.L late /mnt 2>/dev/null; do usleep 20000; done",
      "cat /mnt/file; umount /mnt; echo LATE-READ",
      // A mount between the end of the backend and that of the device would wait for an answer. That is Linux's own affair.
      "while test -e /sys/bus/xen/devices/9pfs-2; do usleep 20000; done",
      "echo LATE-GONE",
      "poweroff -f",
    ].join("\n");
    const domid = await start(script, [
      `tag=read,security_model=none,path=first,access=ro`,
      `tag=write,security_model=none,path=${second}`,
    ]);
    const says = (pattern: RegExp): Promise<void> =>
      expect.poll(() => shown(domid), { timeout: 120_000, interval: 50 }).toMatch(pattern);
    await says(/^READY/m);
    const { devices } = await ask("wiring", { domid });
    const rings = devices.filter(({ kind }) => kind === "9pfs").map((device) => device.rings);
    expect(rings.map((each) => each.map(({ grants, structure }) => [grants.length, structure]))).toEqual(
      Array(2).fill(Array(2).fill([129, "xen_9pfs_data_intf"])),
    );
    const folderOf = { domid, key: "p9", folder };
    await expect(
      ask("deviceAttach", { ...folderOf, spec: "tag=none,security_model=none,path=nowhere" }),
    ).rejects.toThrow(/nowhere is no folder that can be shared: ENOENT/);
    await expect(
      ask("deviceAttach", { ...folderOf, spec: "tag=none,security_model=none,path=secret" }),
    ).rejects.toThrow(/secret is no folder that can be shared: ENOTDIR/);
    // It takes the number of those that were refused, at once.
    await ask("deviceAttach", { ...folderOf, spec: "tag=late,security_model=none,path=third" });
    await says(/LATE-READ/);
    await ask("deviceDetach", { domid, key: "p9", device: "2" });
    const log = await ended(domid);
    expect(log).toContain("LATE-GONE");
    expect(log).toContain("of first");
    expect(log.match(/Read-only file system/g)).toHaveLength(10);
    expect(readFileSync(path.join(first!, "file"), "utf8")).toBe("of first\n");
    expect(readdirSync(first!).sort()).toEqual(["file", "other"]);
    expect(readFileSync(path.join(second!, "file"), "utf8")).toBe("written\n");
    expect(await ask("checkInvariants")).toBe(0);
  }, 300_000);
});
