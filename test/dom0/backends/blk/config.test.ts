/** Disks in all spellings of xl-disk-configuration(5). */
import { describe, expect, it } from "vitest";
import { DISKS, diskText, parseDisk } from "../../../../core/dom0/backends/blk/config.ts";
import { readDisk, writeDisk } from "../../../../core/dom0/backends/blk/spec-text.ts";
import { vdevName, vdevNumber } from "../../../../core/dom0/backends/blk/vdev.ts";
import { SpecError } from "../../../../core/dom0/xenbus/kind.ts";

const parsed = (text: string) => {
  const { id, backend, back, front } = parseDisk(text, []);
  return [back.params, id, back.mode, front["device-type"], backend, back["discard-enable"]].join(" ");
};

describe("the numbers of virtual disks", () => {
  it.each([
    ["xvda", 51712],
    ["xvdb2", 51730],
    ["d1p2", 51730],
    ["xvdp15", 51967],
    ["xvdq", (1 << 28) | (16 << 8)],
    ["xvdtq37", (1 << 28) | (536 << 8) | 37],
    ["d536p37", (1 << 28) | (536 << 8) | 37],
    ["xvda16", (1 << 28) | 16],
    ["sdb3", 2067],
    ["hda", 768],
    ["hdc2", (22 << 8) | 2],
    ["hdd", (22 << 8) | 64],
    ["768", 768],
    ["0x300", 768],
    ["01400", 768],
  ])("%s is %i", (vdev, number) => expect(vdevNumber(vdev)).toBe(number));

  it.each(["xvda", "xvdb2", "xvdp15", "xvdq", "xvdtq37", "xvda16", "sda", "sdb3", "hda", "hdb7", "hdc2", "hdd"])(
    "that of %s leads back to the name",
    (vdev) => expect(vdevName(vdevNumber(vdev)!)).toBe(vdev),
  );
  it("that no name stands for has none", () => expect([0, 1, 255 << 8].map(vdevName)).toEqual([null, null, null]));

  it.each(["", "xvd", "hde", "sdq", "sda16", "xvda256", "d0", "vda", "xvda1x", "-1"])("%j is none", (vdev) =>
    expect(vdevNumber(vdev)).toBe(null),
  );
});

describe("a disk's specification", () => {
  it.each([
    ["/dev/vg/guest-volume,,hda", "raw:/dev/vg/guest-volume 768 w disk 0 1"],
    ["/dev/vg/guest-volume,raw,hda,rw", "raw:/dev/vg/guest-volume 768 w disk 0 1"],
    ["format=raw, vdev=hda, access=rw, target=/dev/vg/guest-volume", "raw:/dev/vg/guest-volume 768 w disk 0 1"],
    ["raw:/dev/vg/guest-volume,hda,w", "raw:/dev/vg/guest-volume 768 w disk 0 1"],
    ["phy:/dev/x,xvda,w", "raw:/dev/x 51712 w disk 0 1"],
    ["file:/a b.img,xvda1,r", "raw:/a b.img 51713 r disk 0 1"],
    ["tap:aio:/x.img,sda,ro", "raw:/x.img 2048 r disk 0 1"],
    ["/root/image.iso,,hdc,cdrom", "raw:/root/image.iso 5632 r cdrom 0 1"],
    ["/root/image.iso,raw,hdc,devtype=cdrom", "raw:/root/image.iso 5632 r cdrom 0 1"],
    ["file:/root/image.iso,hdc:cdrom,r", "raw:/root/image.iso 5632 r cdrom 0 1"],
    [",hdc:cdrom,r", " 5632 r cdrom 0 1"],
    [",,hdc,cdrom", " 5632 r cdrom 0 1"],
    ["vdev=hdc,devtype=cdrom", " 5632 r cdrom 0 1"],
    [" x.img , , xvdb , backend=storage , no-discard ", "raw:x.img 51728 w disk storage 0"],
    ["vdev=xvda,target=/with,comma:and = more", "raw:/with,comma:and = more 51712 w disk 0 1"],
    ["x.img,raw,xvda,rw,", "raw:x.img 51712 w disk 0 1"],
    ["x.img,,xvda,,", "raw:x.img 51712 w disk 0 1"],
    ["x.img,,xvda,,discard,direct-io-safe,backendtype=qdisk", "raw:x.img 51712 w disk 0 1"],
  ])("%s", (text, expected) => {
    expect(parsed(text)).toBe(expected);
    const spec = parseDisk(text, []);
    expect(parseDisk(diskText(spec), [])).toEqual(spec);
  });

  it.each([
    ["x.img", /vdev is missing/],
    ["", /vdev is missing/],
    [",,xvda", /target is missing/],
    ["x.img,,vda", /vdev is "vda"; allowed/],
    ["x.img,ext4,xvda", /format is "ext4"; allowed: raw/],
    ["x.img,raw,xvda,x", /access is "x"; allowed/],
    ["x.img,raw,xvda,w,more", /"more" is one parameter too many/],
    ["x.img,raw,xvda,vdev=xvdb", /vdev is given twice/],
    ["x.img,,xvda,colour=red", /"colour" is no parameter/],
    ["x.iso,,hdc,w,cdrom", /can only be read/],
    ["nbd:x,xvda,w", /script block-nbd/],
    ["x.img,,xvda,specification=virtio", /does not work here/],
  ])("%j is refused", (text, why) => {
    expect(() => parseDisk(text, [])).toThrow(SpecError);
    expect(() => parseDisk(text, [])).toThrow(why);
  });

  it("is refused for a disk that there is already, whatever it is called", () => {
    const first = parseDisk("a,,xvdb2", []);
    expect(() => parseDisk("b,,d1p2", [first])).toThrow("there is another disk d1p2");
  });

  it("takes relative paths from a folder, and names the file", () => {
    const spec = DISKS.within!(parseDisk("sub/x.img,,xvda", []), "/home/me");
    expect([spec.back.params, spec.files]).toEqual(["raw:/home/me/sub/x.img", ["/home/me/sub/x.img"]]);
    expect(DISKS.within!(parseDisk(",,hdc,cdrom", []), "/home/me").files).toEqual([]);
  });

  it("never fails but with a sentence", () => {
    const words = [
      "x",
      ",",
      ":",
      "=",
      "raw",
      "qcow2",
      "file:",
      "tap:",
      "target=",
      "vdev=",
      "xvda",
      "cdrom",
      " ",
      "w",
      "r",
      "'",
    ];
    let state = 12345;
    for (let i = 0; i < 20_000; i++) {
      let text = "";
      for (let n = 1 + (i % 9); n > 0; n--) {
        state = (Math.imul(state, 1103515245) + 12345) >>> 0;
        text += words[(state >>> 16) % words.length];
      }
      try {
        parseDisk(text, []);
      } catch (error) {
        expect(error, text).toBeInstanceOf(SpecError);
      }
    }
  });
});

describe("a disk's specification, written", () => {
  it.each([
    "/a/b.img,raw,xvda,rw",
    "/a/b.qcow2,qcow2,xvda,rw,disposable",
    ",,xvdc,,cdrom",
    "/a.iso,raw,xvdc,,cdrom",
    "format=raw,vdev=xvda,access=rw,target=/with, comma and=more.img",
    "format=qcow2,vdev=xvda,no-discard,untrusted,backend=driver,target=C:\\disks\\a.img",
    "/a b.img,raw,xvda,w",
  ])("%s is read as it was", (text) => expect(readDisk(writeDisk(readDisk(text)))).toEqual(readDisk(text)));

  it("says what is disposable, which only a disk that is written to is", () => {
    expect(parseDisk("/a.img,raw,xvda,rw,disposable", []).back.disposable).toBe(1);
    expect(diskText(parseDisk("/a.img,raw,xvda,rw,disposable", []))).toContain(",disposable,");
    expect(() => parseDisk("/a.img,raw,xvda,ro,disposable", [])).toThrow("only read");
    expect(() => parseDisk("/a.iso,raw,xvda,cdrom,disposable", [])).toThrow("only read");
  });
});
