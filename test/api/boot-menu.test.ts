/** The boot menu that is edited in the application: what it may contain, and that it is kept. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { temporaryFolder } from "../temporary.ts";
import { afterRemoval, BootMenu } from "../../core/api/boot-menu.ts";
import { DEFAULT_BOOT_CONFIG, formatBootConfig, parseBootConfig } from "../../core/toolstack/boot-config.ts";

const file = (): string => path.join(temporaryFolder("menu"), "state", "boot.cfg");
const silent = (message: string): void => expect.fail(message);

describe("the boot menu", () => {
  it("is there again after a restart, as it was left", () => {
    const kept = file();
    const menu = new BootMenu(undefined, kept, silent);
    menu.set(1, ' A "loud" one ', " loglvl=all ");
    menu.set(2, "Nothing", "");
    menu.set(0, "First", "dom0_mem=32M");
    menu.remove(2);
    const again = new BootMenu(undefined, kept, silent);
    expect(again.config).toEqual(menu.config);
    expect(again.config.entries).toEqual([
      { title: "First", cmdline: "dom0_mem=32M" },
      { title: 'A "loud" one', cmdline: "loglvl=all" },
    ]);
  });

  it("refuses what no boot config has, and changes nothing then", () => {
    const kept = file();
    const menu = new BootMenu(undefined, kept, silent);
    expect(() => menu.set(0, "a\nb", "")).toThrow(/one line each/);
    expect(() => menu.set(0, "a", 'x\n}\nautostart "/etc/passwd"')).toThrow(/one line each/);
    expect(() => menu.set(0, "a", "x".repeat(2048))).toThrow(/2048 bytes long; allowed: at most 2047/);
    expect(() => menu.set(5, "a", "")).toThrow(/no entry 5; allowed: 0 \(Xenarium\)/);
    expect(() => menu.remove(0)).toThrow(/at least one entry/);
    for (let i = 1; i < 32; i++) menu.set(i, `${i}`, "");
    expect(() => menu.set(32, "a", "")).toThrow(/at most 32 entries/);
    expect(menu.config.entries[0]).toEqual(DEFAULT_BOOT_CONFIG.entries[0]);
    expect([afterRemoval(2, 1), afterRemoval(1, 1), afterRemoval(0, 0), afterRemoval(0, 1)]).toEqual([1, 0, 0, 0]);
  });

  it("puts a spoiled file aside and says so; a menu that was given is not written", () => {
    const kept = file();
    new BootMenu(undefined, kept, silent).set(1, "x", "y");
    writeFileSync(kept, "menuentry nonsense");
    const told: string[] = [];
    expect(new BootMenu(undefined, kept, (message) => told.push(message)).config).toEqual(DEFAULT_BOOT_CONFIG);
    expect(told.join()).toMatch(/boot\.cfg can't be used: boot config line 1: .* put aside as boot\.cfg\.spoiled/);
    expect(readFileSync(`${kept}.spoiled`, "utf8")).toBe("menuentry nonsense");
    const given = parseBootConfig(formatBootConfig({ ...DEFAULT_BOOT_CONFIG, autostart: ["/a.cfg"] }));
    new BootMenu(given, kept, silent).set(0, "b", "");
    expect(existsSync(kept)).toBe(false);
  });
});
