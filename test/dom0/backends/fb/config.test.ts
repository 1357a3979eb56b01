/** Framebuffers and keyboards as xl.cfg(5) has them. */
import { describe, expect, it } from "vitest";
import { FRAMEBUFFERS } from "../../../../core/dom0/backends/fb/config.ts";
import { parseKeyboard } from "../../../../core/dom0/backends/kbd/config.ts";
import { SpecError } from "../../../../core/dom0/xenbus/kind.ts";
import { parseXlConfig } from "../../../../core/toolstack/xlcfg.ts";

const base = 'name = "c"\nkernel = "k"\n';
const devices = (text: string) =>
  parseXlConfig(base + text).config!.devices.map(({ kind, id, back }) => ({ kind, id, ...back }));
const vnc = (text: string): string => {
  const { back } = FRAMEBUFFERS.parse(text, []);
  return [back.vnc, back.vnclisten, back.vncdisplay, back.vncunused, back.vncpasswd].join(" ");
};

describe("vfb", () => {
  it.each([
    ["", "1 127.0.0.1 0 1 "],
    ["vnc=1", "1 127.0.0.1 0 1 "],
    ["vnc=0", "0 127.0.0.1 0 1 "],
    [" vnc=1, vnclisten=0.0.0.0 , vncdisplay=3, vncunused=0, vncpasswd=secret", "1 0.0.0.0 3 0 secret"],
    ["vnclisten=127.0.0.2:7", "1 127.0.0.2 7 1 "],
    ["vnclisten=[::1]:2", "1 ::1 2 1 "],
    ["vnclisten=::1", "1 ::1 0 1 "],
    ["vnclisten=localhost", "1 localhost 0 1 "],
    ["vncpasswd=a=b", "1 127.0.0.1 0 1 a=b"],
  ])("%j", (text, expected) => expect(vnc(text)).toBe(expected));

  it.each([
    ["vnc", /"vnc" is no KEY=VALUE/],
    ["vnc=yes", /vnc is "yes"; allowed: 0, 1/],
    ["vncdisplay=60000", /vncdisplay is "60000"; allowed: 0 to 59635/],
    ["vnclisten=example.org", /vnclisten is "example.org"; allowed: an IP address/],
    ["vnclisten=127.0.0.1:99999", /a display is 0 to/],
    ["width=800", /given together/],
    ["width=16000,height=16000", /more than a screen can have/],
    ["videoram=65", /videoram is "65"; allowed: 1 to 64/],
  ])("%j is refused", (text, why) => {
    expect(() => FRAMEBUFFERS.parse(text, [])).toThrow(SpecError);
    expect(() => FRAMEBUFFERS.parse(text, [])).toThrow(why);
  });

  it("comes with a keyboard and pointer, each pair with its number", () => {
    const found = devices(
      'vfb = ["vnc=0", "width=640,height=480,videoram=4"]\nvkb = ["backend-type=qemu,unique-id=x"]',
    );
    expect(found.map(({ kind, id }) => `${kind}/${id}`)).toEqual(["vfb/0", "vkbd/0", "vfb/1", "vkbd/1", "vkbd/2"]);
    expect(found[2]).toMatchObject({ width: 640, height: 480, videoram: 4 });
    expect(found[3]).toMatchObject({ "feature-abs-pointer": 1, width: 640, height: 480, "backend-type": "qemu" });
    expect(found[4]).toMatchObject({ width: 800, height: 600, "unique-id": "x" });
  });

  it("is what vnc and its kin ask for by themselves too", () => {
    expect(devices('vnc = 1\nvncpasswd = "a,b"\nvncdisplay = 9')).toMatchObject([
      { kind: "vfb", vnc: 1, vncpasswd: "a,b", vncdisplay: 9 },
      { kind: "vkbd" },
    ]);
    expect(devices('vnc = 0\nvnclisten = "nowhere"')).toEqual([]);
    expect(devices('vnclisten = "nowhere"')).toEqual([]);
    expect(parseXlConfig(`${base}vnc = 1\nvnclisten = "nowhere"`).diagnostics).toMatchObject([{ severity: "error" }]);
  });

  it("warns about what changes nothing", () => {
    const { diagnostics } = parseXlConfig(`${base}vfb = ["sdl=1,opengl=1,keymap=de,colour=red,xauthority=x"]`);
    expect(diagnostics.map(({ severity, line }) => `${severity} ${line}`)).toEqual(Array(4).fill("warning 3"));
    expect(diagnostics.map(({ message }) => message).join()).toMatch(
      /no parameter colour.*sdl: .*opengl: .*keymap is "de"/s,
    );
    expect(parseXlConfig(`${base}vfb = ["keymap=en-us,sdl=0,vncpasswd=eight-by"]`).diagnostics).toEqual([]);
  });

  it("says how much of a password counts", () => {
    for (const password of ["nine-byte", "äöüäö"])
      expect(parseXlConfig(`${base}vfb = ["vncpasswd=${password}"]`).diagnostics).toMatchObject([
        { severity: "warning", message: expect.stringMatching(/vncpasswd: only its first 8 bytes count/) as string },
      ]);
  });
});

describe("vkb", () => {
  it.each([
    ["", /backend-type is missing/],
    ["backend-type=usb", /backend-type is "usb"; allowed: qemu, linux/],
    ["backend-type=qemu,bogus=1", /"bogus=1" is no parameter/],
    ["backend-type=qemu,width=99999999", /width is "99999999"/],
    ["backend-type=qemu,feature-abs-pointer=2", /allowed: 0 to 1/],
  ])("%j is refused", (text, why) => expect(() => parseKeyboard(text, [])).toThrow(why));

  it("has what is said", () => {
    const { back } = parseKeyboard("backend-type=linux,feature-abs-pointer=0,width=1024,height=768", []);
    expect(back).toEqual({ "backend-type": "linux", "feature-abs-pointer": 0, width: 1024, height: 768 });
    const { diagnostics } = parseXlConfig(`${base}vkb = ["backend-type=qemu,multi-touch-width=5"]`);
    expect(diagnostics).toMatchObject([{ severity: "warning" }]);
  });
});
