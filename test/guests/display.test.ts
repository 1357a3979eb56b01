/** Debian's xen-fbfront and xen-kbdfront on this host's framebuffer and keyboard: its text console is seen and takes what is typed. */
import { execFile, spawnSync } from "node:child_process";
import path from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { HostService } from "../../core/api/host-service.ts";
import { builtHost } from "../built-host.ts";
import { temporaryFolder } from "../temporary.ts";
import { toolMissing } from "../tools.ts";
import { compilerMissing, program } from "./programs.ts";
import { debianKernel, guestsMissing, initramfs, kernelModules } from "./images.ts";
import { onConsole } from "./on-console.ts";

const run = promisify(execFile);
const missing =
  guestsMissing() ??
  compilerMissing() ??
  toolMissing("gvnccapture", "gvncviewer") ??
  toolMissing("convert", "imagemagick");
const folder = temporaryFolder("display");
let host: HostService;

const { ask, shown, says } = onConsole(() => host, 90_000);

/** A shell on the text console, which is what the framebuffer shows. What it writes to hvc0 is for the test. */
const SCRIPT = [
  "exec 3>/dev/hvc0",
  "dmesg -n 1",
  'echo "FB $(cat /sys/class/graphics/fb0/name) $(cat /sys/class/graphics/fb0/virtual_size) $(cat /sys/class/graphics/fb0/bits_per_pixel)" >&3',
  "grep -A5 Xen.Virtual /proc/bus/input/devices | grep -E 'Name|Handlers' >&3",
  "echo 0 > /sys/class/graphics/fbcon/cursor_blink",
  "export PS1='screen> '",
  "echo SCREEN-UP >&3",
  "setsid sh -c 'exec sh -i </dev/tty1 >/dev/tty1 2>&1'",
  "poweroff -f",
];

async function start(
  name: string,
  extra: string,
  script = SCRIPT,
  modules: string[] = [],
  vfb = "vncdisplay=310",
): Promise<number> {
  const ramdisk = initramfs(
    "ready",
    script.join("\n"),
    { screen: program("test/guests/screen.c") },
    kernelModules(...modules),
  );
  const config = [
    `name = "${name}"`,
    `kernel = "${debianKernel()}"`,
    `ramdisk = "${ramdisk}"`,
    `cmdline = "console=tty0 console=hvc0 quiet ${extra}"`,
    `memory = 160`,
    `vfb = ["${vfb}"]`,
  ].join("\n");
  return (await ask("create", { config })).domid;
}

const vncOf = async (domid: number): Promise<string> => {
  const read = async (name: string) =>
    (await ask("xenstoreRead", { path: `/local/domain/${domid}/console/${name}` })).value;
  return `${await read("vnc-listen")}:${Number(await read("vnc-port")) - 5900}`;
};
/** Returns what a VNC viewer sees. */
async function capture(domid: number): Promise<{ width: number; height: number; rgb: Buffer }> {
  const file = path.join(folder, "capture.png");
  await run("gvnccapture", ["-q", await vncOf(domid), file]);
  const size = spawnSync("convert", [file, "-format", "%w %h", "info:"]).stdout.toString().split(" ").map(Number);
  const rgb = spawnSync("convert", [file, "-depth", "8", "rgb:-"], { maxBuffer: 64 << 20 }).stdout;
  return { width: size[0]!, height: size[1]!, rgb };
}
/** What `screen draw` draws, as red, green and blue. */
function pattern(seed: number, width: number, height: number): Buffer {
  const rgb = Buffer.alloc(width * height * 3);
  for (let y = 0, at = 0; y < height; y++)
    for (let x = 0; x < width; x++, at += 3)
      rgb.writeUIntBE((Math.imul(x, 2654435761) ^ (Math.imul(y, 40503) + seed)) & 0xffffff, at, 3);
  return rgb;
}

const KEYS = new Map(
  [
    [2, "1234567890-="],
    [16, "qwertyuiop[]"],
    [30, "asdfghjkl;'`"],
    [44, "zxcvbnm,./"],
    [57, " "],
    [28, "\n"],
  ].flatMap(([first, keys]) => [...(keys as string)].map((key, i) => [key, (first as number) + i] as const)),
);
async function type(viewer: number, text: string): Promise<void> {
  for (const character of text) {
    const shifted = { ">": ".", "&": "7", $: "4", "(": "9", ")": "0", "|": null }[character];
    const keycode = character === "|" ? 43 : KEYS.get(shifted ?? character)!;
    if (shifted !== undefined) await ask("displayKey", { viewer, keycode: 42, isDown: true });
    for (const isDown of [true, false]) await ask("displayKey", { viewer, keycode, isDown });
    if (shifted !== undefined) await ask("displayKey", { viewer, keycode: 42, isDown: false });
  }
}
/**
 * Returns what the tab's window would show after it has taken parts until none arrives for `settled` milliseconds. Nothing else tells that the guest
 * draws no more.
 */
async function look(viewer: number, settled = 400): Promise<{ width: number; height: number; rgb: Buffer }> {
  let rgb = Buffer.alloc(0);
  let [width, height] = [0, 0];
  let next = ask("displayPart", { viewer });
  for (;;) {
    const part = await Promise.race([next, new Promise<null>((resolve) => setTimeout(resolve, settled, null))]);
    if (!part) break;
    if (part.width !== width || part.height !== height) {
      ({ width, height } = part);
      rgb = Buffer.alloc(width * height * 3);
    }
    let from = 0;
    for (const [x, y, w, h] of part.rectangles)
      for (let row = y; row < y + h; row++)
        for (let column = x; column < x + w; column++, from += 4)
          rgb.set(part.pixels.subarray(from, from + 3), (row * width + column) * 3);
    next = ask("displayPart", { viewer });
  }
  pending.set(
    viewer,
    next.catch(() => null),
  );
  return { width, height, rgb };
}
const pending = new Map<number, Promise<unknown>>();

beforeAll(async () => {
  host = builtHost({ memoryMiB: 640 });
  await host.powerOn();
});
afterAll(() => host.powerOff(1000));

describe.skipIf(missing !== null)(`screen and keyboard${missing ? ` (${missing})` : ""}`, () => {
  it("Linux's text console is seen by VNC as the guest drew it, and takes typed keys", async () => {
    const domid = await start("text", "");
    await says(domid, /SCREEN-UP/);
    const log = await shown(domid);
    expect(log).toMatch(/FB xen 800,600 32/);
    expect(log).toContain("Xen Virtual Keyboard");
    expect(log).toContain("Xen Virtual Pointer");
    const { viewer } = await ask("displayOpen", { domid });
    await type(viewer, "echo typed on the screen > /dev/hvc0\n");
    await says(domid, /typed on the screen/);
    await type(viewer, "clear && ls /bin && echo listed > /dev/hvc0\n");
    await says(domid, /listed/);
    const { width, height, rgb } = await capture(domid);
    expect([width, height]).toEqual([800, 600]);
    // White text on black, and a fair amount of it.
    const colours = new Set<number>();
    for (let i = 0; i < rgb.length; i += 3) colours.add(rgb.readUIntBE(i, 3));
    expect(colours.size).toBeGreaterThanOrEqual(2);
    expect(colours.has(0xaaaaaa)).toBe(true);
    await ask("displayClose", { viewer });
    expect(await ask("checkInvariants")).toBe(0);
    const { devices } = await ask("wiring", { domid });
    expect(devices.filter(({ kind }) => kind === "vfb" || kind === "vkbd").map(({ rings }) => rings.length)).toEqual([
      1, 1,
    ]);
    await ask("destroy", { domid });
  }, 150_000);

  it("what programs draw is what viewers see, to the last pixel, in another mode too; keys and pointer are events", async () => {
    const script = [
      "exec 3>/dev/hvc0",
      "echo 0 > /sys/class/vtconsole/vtcon1/bind",
      "screen draw 12345 >&3",
      "read go < /dev/hvc0",
      "screen draw 777 640 400 >&3",
      "read go < /dev/hvc0",
      "screen events 7 >&3",
      "poweroff -f",
    ];
    const domid = await start("draws", "", script, ["evdev"]);
    await says(domid, /DRAWN 12345 800x600 3200/);
    const { viewer } = await ask("displayOpen", { domid });
    const [window, vnc] = [await look(viewer), await capture(domid)];
    const first = pattern(12345, 800, 600);
    expect([window.width, window.height, window.rgb.equals(first)]).toEqual([800, 600, true]);
    expect([vnc.width, vnc.height, vnc.rgb.equals(first)]).toEqual([800, 600, true]);
    await ask("consoleInput", { domid, bytes: Buffer.from("\n") });
    await says(domid, /DRAWN 777 640x400 3200/);
    const second = pattern(777, 640, 400);
    // The frontend reports changes twenty times a second.
    await expect.poll(async () => (await capture(domid)).rgb.equals(second), { timeout: 30_000 }).toBe(true);
    await ask("displayClose", { viewer });
    const again = await ask("displayOpen", { domid });
    expect((await look(again.viewer)).rgb.equals(second)).toBe(true);
    await ask("consoleInput", { domid, bytes: Buffer.from("\n") });
    await says(domid, /LISTENING [23]/);
    await ask("displayKey", { viewer: again.viewer, keycode: 30, isDown: true });
    await ask("displayKey", { viewer: again.viewer, keycode: 30, isDown: false });
    // The pointer's range is 800x600, whatever the mode.
    await ask("displayPointer", { viewer: again.viewer, x: 639, y: 200, buttons: 0, wheel: 0 });
    await ask("displayPointer", { viewer: again.viewer, x: 639, y: 200, buttons: 4, wheel: 0 });
    await ask("displayPointer", { viewer: again.viewer, x: 639, y: 200, buttons: 0, wheel: -1 });
    await expect.poll(async () => (await ask("list")).length, { timeout: 30_000 }).toBe(1);
    const events = [...(await shown(domid)).matchAll(/EVENT (.+?) (\d+ \d+ -?\d+)\r?\n/g)].map(([, name, event]) => [
      name,
      event,
    ]);
    expect(events.filter(([name]) => name === "Xen Virtual Keyboard")).toEqual([
      ["Xen Virtual Keyboard", "1 30 1"],
      ["Xen Virtual Keyboard", "1 30 0"],
    ]);
    expect(events.filter(([name]) => name === "Xen Virtual Pointer").map(([, event]) => event)).toEqual(
      expect.arrayContaining(["3 0 799", `3 1 ${Math.round((200 / 399) * 599)}`, "1 273 1", "2 8 1", "1 273 0"]),
    );
  }, 150_000);

  it("is saved and restored with its guest: the screen shows what it showed, and keys arrive", async () => {
    const script = [
      "exec 3>/dev/hvc0",
      "echo 0 > /sys/class/vtconsole/vtcon1/bind",
      "screen draw 4711 >&3",
      "screen events 2 >&3",
      "screen draw 4712 >&3",
      "read go < /dev/hvc0",
      "poweroff -f",
    ];
    const first = await start("saved", "", script, ["evdev"]);
    await says(first, /LISTENING/);
    const watcher = await ask("displayOpen", { domid: first });
    expect((await look(watcher.viewer)).rgb.equals(pattern(4711, 800, 600))).toBe(true);
    const file = path.join(folder, "saved");
    await ask("save", { domid: first, file });
    // The viewer is told that it is over.
    await expect(ask("displayPart", { viewer: watcher.viewer })).rejects.toThrow(
      /no framebuffer|looked at no more|waited for/,
    );
    const { domid } = await ask("restore", { file });
    const { viewer } = await ask("displayOpen", { domid });
    let again = await look(viewer, 1500);
    await expect
      .poll(
        async () => {
          await ask("displayClose", { viewer }).catch(() => {});
          const next = await ask("displayOpen", { domid });
          again = await look(next.viewer);
          await ask("displayClose", { viewer: next.viewer });
          return again.rgb.equals(pattern(4711, 800, 600));
        },
        { timeout: 30_000 },
      )
      .toBe(true);
    const typist = (await ask("displayOpen", { domid })).viewer;
    for (const isDown of [true, false]) await ask("displayKey", { viewer: typist, keycode: 48, isDown });
    await says(domid, /EVENT Xen Virtual Keyboard 1 48 1/);
    await says(domid, /DRAWN 4712/);
    await expect
      .poll(async () => (await capture(domid)).rgb.equals(pattern(4712, 800, 600)), { timeout: 20_000 })
      .toBe(true);
    expect(await ask("checkInvariants")).toBe(0);
    await ask("destroy", { domid });
  }, 150_000);
});
