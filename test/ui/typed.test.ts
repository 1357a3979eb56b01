/** What dialogs make of what the user chooses and types in them, without a window. */
import { describe, expect, it } from "vitest";
import { readDisk } from "../../core/api/device-text.ts";
import { attachedDisk, NEW_DISK, NEW_DRIVE } from "../../renderer/devices/attached-disk.ts";
import { bitsOf, otherEndOf } from "../../renderer/devices/figures.ts";
import { valueOf } from "../../renderer/domain/settings.ts";
import { checksOf, fileNameOf, unvouched } from "../../renderer/fetch/words.ts";
import { clashOf, nameLike } from "../../renderer/library/names.ts";

describe("a disk that is attached", () => {
  const image = { path: "/images/a b.qcow2", format: "qcow2" };
  const disk = (place: string, vdev: string, isReadOnly: boolean, isDisposable: boolean) =>
    readDisk(attachedDisk(image, place, vdev, { isReadOnly, isDisposable }));

  it("is what was said of it, and a disposable one is written", () => {
    const base = { target: image.path, format: "qcow2", vdev: "xvdb", devtype: "" };
    expect(disk(NEW_DISK, "xvdb", false, false)).toMatchObject({ ...base, access: "rw", disposable: false });
    expect(disk(NEW_DISK, "xvdb", false, true)).toMatchObject({ ...base, access: "rw", disposable: true });
    expect(disk(NEW_DISK, "xvdb", true, true)).toMatchObject({ ...base, access: "ro", disposable: false });
  });
  it("is a CD in a drive, a new one or one that is there, whatever was said of a disk before", () => {
    for (const place of [NEW_DRIVE, "xvdc"])
      expect(disk(place, "xvdc", false, true)).toMatchObject({ vdev: "xvdc", devtype: "cdrom", disposable: false });
  });
});

it("an event channel's other end is a VIRQ, a port, or who may bind; its bits are those that are set", () => {
  const port = { virq: null, remoteDomid: null, remotePort: null };
  expect(otherEndOf({ ...port, virq: 0 })).toBe("VIRQ_TIMER");
  expect(otherEndOf({ ...port, remoteDomid: 3, remotePort: 7 })).toBe("domain 3, port 7");
  expect(otherEndOf({ ...port, remoteDomid: 0 })).toBe("for domain 0");
  expect(otherEndOf(port)).toBeNull();
  expect(bitsOf({ pending: true, masked: true })).toBe("pending, masked");
  expect(bitsOf({ pending: false, masked: true })).toBe("masked");
  expect(bitsOf({ pending: false, masked: false })).toBe("");
});

it("a setting is a whole number between its bounds, or a sentence that names them", () => {
  const bounds = { label: "Weight", least: 1, most: 65535 };
  expect([valueOf("1", bounds), valueOf("65535", bounds)]).toEqual([1, 65535]);
  for (const text of ["", "0", "65536", "-1", "1.5", "1e3", "0x10", "ten"])
    expect(valueOf(text, bounds)).toBe("Weight is a whole number from 1 to 65535.");
});

describe("a file from the web", () => {
  it("is called as the end of its address, whatever stands behind it", () => {
    expect(fileNameOf("https://example.org/a/disk.qcow2?x=/y.iso#z")).toBe("disk.qcow2");
    expect(fileNameOf("https://example.org/")).toBe("");
  });
  it("is checked against a sum, or a list of sums by its address", () => {
    expect(checksOf(" abc ")).toEqual({ checksum: "abc" });
    expect(checksOf("HTTPS://example.org/SHA256SUMS")).toEqual({ checksums: "HTTPS://example.org/SHA256SUMS" });
    expect(checksOf("  ")).toEqual({});
  });
  it("without a sum has https to vouch for it, or nothing", () => {
    expect(unvouched("https://example.org/a")).toMatch(/but https\.$/);
    expect(unvouched("http://example.org/a")).toMatch(/^Not by https/);
  });
});

it("a copy's name is the first that is free, and a name that is taken says so", () => {
  const taken = new Set(["web", "web-2", "web-4"]);
  expect(nameLike("web", taken)).toBe("web-3");
  expect(nameLike("shop", taken)).toBe("shop-2");
  expect(clashOf("web", taken)).toBe("There is a domain named web already.");
  expect(clashOf("shop", taken)).toBeNull();
});
