/** An xl.cfg's text in which one key is changed: everything else stays as its author wrote it. */
import { describe, expect, it } from "vitest";
import { readConfig, withItem, withValue } from "../../core/api/config-text.ts";
import { parseXlConfig } from "../../core/toolstack/xlcfg.ts";
import { withType } from "../../renderer/create/chosen-type.ts";
import { fieldsOf, hasContent, withField } from "../../renderer/create/fields.ts";
import { withDisks } from "../../renderer/create/filled.ts";

const TEXT = `# my web server
name = 'web'   # as DNS has it
kernel = "vmlinuz"; memory = "256"

vcpus=2
weird_key = [ 1, "two" ]
vif = [
  'mac=00:16:3e:00:00:01',   # later
]
on_crash = "preserve"
`;

const GUEST = `# my web server
name = "d"
type = "pv"
kernel = "k"  # of Debian
memory = 256
vcpus = 2
vif = [ "", # the first
  'mac=00:16:3e:00:00:01' ]
disk = ["/d.img,raw,xvda"]
`;

describe("an xl.cfg's text", () => {
  it("changes, adds and takes out one item of a list and leaves the others with their comments", () => {
    const text = `disk = [
  'a.img,raw,xvda,rw',  # the system
  "b.img,raw,xvdb,r",
]
disk += ["c.img,raw,xvdc"]
`;
    expect(readConfig(text).lists.get("disk")).toEqual(["a.img,raw,xvda,rw", "b.img,raw,xvdb,r", "c.img,raw,xvdc"]);
    expect(withItem(text, "disk", 0, "z.img,raw,xvda,ro")).toBe(text.replace("a.img,raw,xvda,rw", "z.img,raw,xvda,ro"));
    expect(withItem(text, "disk", 2, "d.img")).toBe(text.replace("c.img,raw,xvdc", "d.img"));
    expect(withItem(text, "disk", 3, "d.img")).toBe(text.replace('xvdc"]', 'xvdc", "d.img"]'));
    const items = (changed: string): unknown => readConfig(changed).lists.get("disk");
    expect(items(withItem(text, "disk", 0, null))).toEqual(["b.img,raw,xvdb,r", "c.img,raw,xvdc"]);
    expect(items(withItem(text, "disk", 1, null))).toEqual(["a.img,raw,xvda,rw", "c.img,raw,xvdc"]);
    expect(items(withItem(text, "disk", 2, null))).toEqual(["a.img,raw,xvda,rw", "b.img,raw,xvdb,r"]);
    expect(withItem("memory = 1\n", "vif", 0, "bridge=xenbr0")).toBe('memory = 1\nvif = [ "bridge=xenbr0" ]\n');
    expect(withItem('memory = 1\nvif = [ "bridge=xenbr0" ]\n', "vif", 0, null)).toBe("memory = 1\n");
    expect(withItem("vif = []\n", "vif", 0, 'a "b"')).toBe('vif = ["a \\"b\\""]\n');
    for (const changed of [0, 1, 2].map((i) => withItem(text, "disk", i, null)))
      expect(readConfig(changed).problems).toEqual([]);
  });

  it("keeps comments, order, quotes and what nobody knows when a value changes", () => {
    const changed = withValue(withValue(withValue(TEXT, "name", "shop"), "memory", "512"), "vcpus", "4");
    expect(changed).toBe(TEXT.replace("'web'", "'shop'").replace('"256"', '"512"').replace("vcpus=2", "vcpus=4"));
  });

  it("puts a new key beside its like, and takes one out with its line alone", () => {
    const more = withValue(TEXT, "cap", "50");
    expect(more).toBe(TEXT.replace("vcpus=2\n", "vcpus=2\ncap = 50\n"));
    expect(withValue(more, "cap", null)).toBe(TEXT);
    expect(withValue(TEXT, "name", null)).toContain("# my web server\n# as DNS has it\nkernel");
    expect(withValue(TEXT, "kernel", null)).toContain('\nmemory = "256"\n');
    expect(withValue(TEXT, "vif", null)).not.toContain("mac=");
    expect(withValue("", "name", "a")).toBe('name = "a"\n');
    expect(withValue("memory = 1", "vcpus", "2")).toBe("memory = 1\nvcpus = 2\n");
    expect(withValue("memory = 1\n", "name", "a")).toBe('name = "a"\nmemory = 1\n');
  });

  it("changes the setting that counts, with what is appended to it", () => {
    const text = 'cmdline = "old"\ncmdline = "a"\nvcpus = 1\ncmdline += " b"\n';
    expect(readConfig(text).values.get("cmdline")).toBe("a b");
    expect(withValue(text, "cmdline", "c")).toBe('cmdline = "old"\ncmdline = "c"\nvcpus = 1\n');
    expect(withValue(text, "cmdline", null)).toBe("vcpus = 1\n");
  });

  it("writes over a line that was no setting", () => {
    expect(withValue("name = web\nmemory = 1\n", "name", "web")).toBe('name = "web"\nmemory = 1\n');
    expect(readConfig("name = web\nmemory = 1\n").problems).toMatchObject([{ line: 1 }]);
  });

  it("escapes so that the parser reads what was typed", () => {
    for (const value of ['say "hi"', "back\\slash", "it's", 'it\'s "both"', "", " spaces ", "ünï", "12", "[1]"])
      for (const text of ["", "cmdline = 'x'\n", 'cmdline = "x"\n', "cmdline = [1, 2]\n"])
        expect(readConfig(withValue(text, "cmdline", value)).values.get("cmdline"), `${value} in ${text}`).toBe(value);
  });

  it("is what the toolstack parses, whatever fields are changed", () => {
    let text = TEXT;
    for (const [field, value] of [
      ["cmdline", 'console=hvc0 x="y z"'],
      ["cpus", "0-1,^0"],
      ["weight", "512"],
      ["cap", ""],
      ["onReboot", "destroy"],
      ["ramdisk", "initrd.gz"],
      ["ramdisk", ""],
      ["vcpus", ""],
    ] as const)
      text = withField(text, field, value);
    expect(parseXlConfig(text).config).toMatchObject({
      name: "web",
      cmdline: 'console=hvc0 x="y z"',
      cpus: [[1]],
      cpuWeight: 512,
      cap: 0,
      vcpus: 1,
      onReboot: "destroy",
      onCrash: "preserve",
      ramdisk: null,
    });
    expect(text).toContain('weird_key = [ 1, "two" ]');
  });

  it("takes what only guests have out of a native domain's text, and asks for a kernel when it becomes a guest's", () => {
    const { text: native } = withType({ text: GUEST, before: null }, "native");
    expect(parseXlConfig(native)).toMatchObject({ config: { type: "native", memoryMiB: 256 }, diagnostics: [] });
    expect(hasContent(fieldsOf(readConfig(native)))).toBe(true);
    // One that was not made of a guest's, but written as it is.
    const { text: again } = withType({ text: native, before: null }, "pvh");
    expect(hasContent(fieldsOf(readConfig(again)))).toBe(false);
    expect(parseXlConfig(withField(again, "kernel", "k")).config).toMatchObject({ type: "pvh", kernel: "k" });
  });

  it("is the guest's again, as it was written, when another type than native is chosen", () => {
    let draft = withType({ text: GUEST, before: null }, "native");
    expect(draft.text).not.toMatch(/kernel|vif|vcpus/);
    draft = withType(draft, "native");
    draft = withType(draft, "pvh");
    expect(draft.text).toBe(GUEST.replace('"pv"', '"pvh"'));
    draft = withType(withType(draft, "native"), "pv");
    expect(draft.text).toBe(GUEST);
    expect(withType(draft, "pvh").text).toBe(GUEST.replace('"pv"', '"pvh"'));
  });

  it("has what was edited while it was a native domain's, and the guest's keys besides", () => {
    const native = withType({ text: GUEST, before: null }, "native");
    const edited = withField(native.text, "name", "storage").replace("d.img", "e.img") + "# mine\nvcpus = 1\n";
    const { text } = withType({ ...native, text: edited }, "pvh");
    const [{ values, lists }, guest] = [readConfig(text), readConfig(GUEST)];
    expect(text).toContain("# mine\n");
    expect([values.get("name"), values.get("vcpus"), values.get("type")]).toEqual(["storage", "1", "pvh"]);
    expect(lists.get("disk")).toEqual(["/e.img,raw,xvda"]);
    expect(lists.get("vif")).toEqual(guest.lists.get("vif"));
    expect(parseXlConfig(text).config).toMatchObject({ kernel: "k", memoryMiB: 256 });
  });

  it("has disks as a native domain can have them, and the guest's again", () => {
    const disks = [
      "/system.img,raw,xvda",
      "/b.qcow2,qcow2,xvdb,rw,disposable",
      "/cd.iso,raw,xvdc,cdrom",
      "vdev=xvdd,devtype=cdrom",
      "/dev/xvda,,xvde,backend=other",
    ];
    const guest = GUEST.replace(/disk = .*/, `disk = [ ${disks.map((disk) => `"${disk}"`).join(", ")} ] # mine`);
    const native = withType({ text: guest, before: null }, "native");
    expect(parseXlConfig(native.text).diagnostics).toEqual([]);
    expect(readConfig(native.text).lists.get("disk")).toEqual([
      "/system.img,raw,xvda",
      "/b.qcow2,qcow2,xvdb,ro",
      "/cd.iso,raw,xvdc,ro",
    ]);
    expect(withType(native, "pv").text).toBe(guest);
  });

  it("takes images for a native domain, which boots none of them and has no drives", () => {
    const { text: native } = withType({ text: GUEST.replace(/disk = .*/, ""), before: null }, "native");
    const taken = [
      { name: "a.img", path: "/a.img", format: "raw", isCd: false },
      { name: "b.iso", path: "/b.iso", format: "raw", isCd: true },
      { name: "c.qcow2", path: "/c.qcow2", format: "qcow2", isCd: false },
    ];
    const text = withDisks(native, taken, null, new Set());
    expect(parseXlConfig(text).diagnostics).toEqual([]);
    const items = readConfig(text).lists.get("disk");
    expect(items).toEqual(["/a.img,raw,xvda,rw", "/b.iso,raw,xvdb,ro", "/c.qcow2,qcow2,xvdc,ro"]);
    // Another image for the first disk, which can only be read.
    const replaced = withDisks(text, [taken[2]!], 0, new Set());
    expect(readConfig(replaced).lists.get("disk")![0]).toBe("/c.qcow2,qcow2,xvda,ro");
    expect(parseXlConfig(replaced).diagnostics).toEqual([]);
  });

  it("has a screen by vnc, and knows one by vfb", () => {
    const with1 = withField('name = "a"\n', "screen", "1");
    expect(with1).toBe('name = "a"\nvnc = 1\n');
    expect(fieldsOf(readConfig(with1)).screen).toBe("1");
    expect(withField(with1, "screen", "")).toBe('name = "a"\n');
    const own = 'vfb = ["vncdisplay=3"]\n';
    expect(fieldsOf(readConfig(own)).screen).toBe("vfb");
    expect(withField(own, "screen", "vfb")).toBe(own);
    expect(withField(own, "screen", "")).toBe("");
    expect(withField(own, "screen", "1")).toBe("vnc = 1\n");
    for (const none of ["vfb = []\n", "vnc = 0\n", ""]) expect(fieldsOf(readConfig(none)).screen).toBe("");
  });

  it("has root and extra in one field, which become cmdline when it is edited", () => {
    const text = 'name = "a"\nroot = "/dev/xvda"\nextra = "ro"\n';
    expect(fieldsOf(readConfig(text)).cmdline).toBe("root=/dev/xvda ro");
    expect(withField(text, "cmdline", "x")).toBe('name = "a"\ncmdline = "x"\n');
    expect(withField('extra = "ro"\n', "cmdline", "rw")).toBe('extra = "rw"\n');
  });
});
