/** `p9` of xl.cfg(5), turned into the nodes that libxl writes. */
import { describe, expect, it } from "vitest";
import { FOLDERS } from "../../../../core/dom0/backends/9p/config.ts";
import { readFolder, writeFolder } from "../../../../core/dom0/backends/9p/spec-text.ts";

const BASE = "tag=share,security_model=none,path=/home/x/share";

describe("a shared folder's specification", () => {
  it("becomes what libxl writes, and says whether the guest may write", () => {
    expect(FOLDERS.parse(`${BASE},backend=0`, [])).toEqual({
      kind: "9pfs",
      id: "0",
      backend: "0",
      front: { tag: "share" },
      back: { path: "/home/x/share", security_model: "none", mode: "w" },
      files: [],
      folders: ["/home/x/share"],
    });
    for (const [access, mode] of Object.entries({ ro: "r", r: "r", rw: "w", w: "w" }))
      expect(FOLDERS.parse(`${BASE},access=${access}`, []).back.mode).toBe(mode);
    const first = FOLDERS.parse(BASE, []);
    expect(FOLDERS.parse("tag=b, security_model=none, path=/b,backend=storage", [first])).toMatchObject({
      id: "1",
      backend: "storage",
    });
    const within = FOLDERS.within!(FOLDERS.parse("tag=a,security_model=none,path=sub/dir", []), "/etc/xen");
    expect([within.back.path, within.folders]).toEqual(["/etc/xen/sub/dir", ["/etc/xen/sub/dir"]]);
  });

  it.each([
    ["security_model=none,path=/b", "tag is missing"],
    ["tag=a,path=/b", "security_model is missing"],
    ["tag=a,security_model=none", "path is missing"],
    [`${BASE},security_model=mapped`, 'security_model is "mapped"; allowed: none'],
    [`${BASE},access=x`, 'access is "x"; allowed: r, ro, w, rw'],
    [`${BASE},colour=red`, '"colour=red" is no parameter of a shared folder'],
    ["bogus", '"bogus" is no parameter of a shared folder'],
    ["tag=a/b,security_model=none,path=/b", 'tag is "a/b"'],
    [BASE, "there is another folder with the tag share"],
  ])("%j is refused", (text, reason) => {
    const before = text === BASE ? [FOLDERS.parse(BASE, [])] : [];
    expect(() => FOLDERS.parse(text, before)).toThrow(reason);
  });

  it("is read and written by the window's fields as it is", () => {
    expect(writeFolder(readFolder(`${BASE},access=ro`))).toBe(`${BASE},access=ro`);
    expect(() => writeFolder(new Map([["path", "/a,b"]]))).toThrow("comma");
  });
});
