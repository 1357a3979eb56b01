/** What "Start both ways" decides before the two domains boot and while they do. */
import { describe, expect, it } from "vitest";
import { parseXlConfig } from "../../core/toolstack/xlcfg.ts";
import { DEVICE_KINDS } from "../../core/dom0/backends/kinds.ts";
import { isReady, withMore } from "../../renderer/both-ways/boot-text.ts";
import { pairNames, startsBothWays, whyNotTwice } from "../../renderer/both-ways/twice.ts";

describe("a console that says how far a boot has come", () => {
  const boot =
    "[    0.412345] pps_core: Software ver. 5.3.6 - Copyright 2005-2007 Rodolfo Giometti <giometti@linux.it>\r\n";

  it("is not taken for a prompt, wherever its pieces begin and end", () => {
    for (let size = 1; size < 60; size++) {
      let text = "";
      const all = boot.repeat(20);
      for (let at = 0; at < all.length; at += size) {
        text = withMore(text, all.slice(at, at + size));
        expect(isReady(text), `pieces of ${size}, after ${at}`).toBe(false);
      }
    }
  });

  it.each(["debian login: ", "/ # ", "root@debian:~# ", "~ # \x1b[6n", "GUEST-READY type=PV\r\n", "mini> "])(
    "is ready with %j, also in pieces",
    (prompt) => {
      let text = "";
      for (const character of boot.repeat(20) + prompt) text = withMore(text, character);
      expect(isReady(text)).toBe(true);
    },
  );
});

describe("a configuration for two domains", () => {
  const reason = (more: string): string | null => {
    const text = `name = "web"\nkernel = "k"\nmemory = 64\n${more}\n`;
    return whyNotTwice(text, parseXlConfig(text, [], DEVICE_KINDS).config);
  };

  it("is refused if both would write one disk, or have one address or port", () => {
    expect(reason("disk = ['/a.img,raw,xvda,r', '/b.img,raw,xvdb,w']")).toMatch(/write to the disk xvdb; allowed/);
    expect(reason("vif = ['bridge=xenbr0', 'mac=00:16:3e:01:02:03']")).toMatch(
      /MAC address 00:16:3e:01:02:03; allowed/,
    );
    expect(reason("vfb = ['vnc=1,vncunused=0,vncdisplay=3']")).toMatch(/same VNC port; allowed/);
  });

  it("is taken if what it gives can be given twice", () => {
    expect(reason("disk = ['/a.img,raw,xvda,r']\nvif = ['bridge=xenbr0']\nvfb = ['vnc=1']")).toBeNull();
    expect(reason("disk = ['/a.iso,,xvdc,devtype=cdrom', 'format=raw,vdev=xvdd,disposable,target=/b.img']")).toBeNull();
  });

  it("is offered for a kernel that starts both ways, whatever type of guest is chosen, and not for a native domain", () => {
    const notes = (...names: string[]): { name: string }[] => names.map((name) => ({ name }));
    const both = notes("ENTRY", "PHYS32_ENTRY");
    for (const type of ["pv", "pvh", "hvm"]) expect(startsBothWays(type, both)).toBe(true);
    expect(startsBothWays("native", both)).toBe(false);
    for (const one of ["ENTRY", "PHYS32_ENTRY"]) expect(startsBothWays("pv", notes(one))).toBe(false);
  });

  it("gives the two names that no domain has", () => {
    const names = (...taken: string[]): string[] => Object.values(pairNames("web", new Set(taken)));
    expect(names("web", "Domain-0")).toEqual(["web-pv", "web-pvh"]);
    expect(names("web-pvh")).toEqual(["web-2-pv", "web-2-pvh"]);
    expect(names("web-pv", "web-2-pvh", "web-3-pv")).toEqual(["web-4-pv", "web-4-pvh"]);
  });
});
