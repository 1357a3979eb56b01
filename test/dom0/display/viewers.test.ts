/** Viewers that others wrote look at a screen and must show what is painted there: gvnccapture, vncsnapshot, and TigerVNC's in an X server. */
import { execFile, spawn, spawnSync, type ChildProcess } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { responseTo } from "../../../core/dom0/display/vnc/authentication.ts";
import { VncServer } from "../../../core/dom0/display/vnc/server.ts";
import { temporaryFolder } from "../../temporary.ts";
import { toolMissing } from "../../tools.ts";
import { Painted, screenOf, type Typed } from "./painted.ts";

const run = promisify(execFile);
const folder = temporaryFolder("viewers");
const missing =
  toolMissing("convert", "imagemagick") ??
  toolMissing("gvnccapture", "gvncviewer") ??
  toolMissing("vncsnapshot", "vncsnapshot");
const withoutX =
  missing ??
  toolMissing("xtigervncviewer", "tigervnc-viewer") ??
  toolMissing("Xvfb", "xvfb") ??
  toolMissing("xdotool", "xdotool");

let typed: Typed;
let server: VncServer;
const listen = (password: string | null = null): Promise<VncServer> =>
  VncServer.listen(typed.screen, { listen: "127.0.0.1", display: 500, mayBeOther: true, password, name: "painted" });
const display = (): string => `127.0.0.1:${server.address.port - 5900}`;

/** Returns the red, green and blue values of an image file. */
function rgbOf(file: string): Buffer {
  const { stdout, stderr } = spawnSync("convert", [file, "-depth", "8", "rgb:-"], { maxBuffer: 64 << 20 });
  if (!stdout.length) throw new Error(stderr.toString());
  return stdout;
}
/** Says where the images differ, for a readable message. */
function firstDifference(found: Buffer, wanted: Buffer, tolerance = 0): string | null {
  if (found.length !== wanted.length) return `${found.length} bytes, not ${wanted.length}`;
  for (let i = 0; i < wanted.length; i++)
    if (Math.abs(found[i]! - wanted[i]!) > tolerance) return `byte ${i} is ${found[i]}, not ${wanted[i]}`;
  return null;
}
/** VNC's password files are encrypted with a key that everybody knows. */
function passwordFile(password: string): string {
  const file = path.join(folder, "password");
  const key = String.fromCharCode(23, 82, 107, 6, 35, 78, 88, 7);
  const padded = Buffer.alloc(16);
  padded.write(password);
  writeFileSync(file, responseTo(padded, key).subarray(0, 8));
  return file;
}

beforeEach(() => {
  typed = screenOf(null);
});
afterEach(() => server.close());

describe.skipIf(missing !== null)(`programs that take pictures${missing ? ` (${missing})` : ""}`, () => {
  it("gvnccapture sees every pixel", async () => {
    const surface = new Painted(333, 217).picture(11);
    typed.screen.show(surface);
    server = await listen();
    const file = path.join(folder, "capture.png");
    await run("gvnccapture", ["-q", display(), file]);
    expect(firstDifference(rgbOf(file), surface.rgb())).toBe(null);
  });

  it.each(["raw", "hextile", "zlib"])("vncsnapshot sees it in the encoding %s", async (encoding) => {
    // It writes JPEG, which keeps large plain squares nearly as they are.
    const surface = new Painted(320, 256);
    for (let i = 0; i < 80; i++)
      surface.fill((i % 10) * 32, (i >> 3) * 32 > 224 ? 224 : (i >> 3) * 32, 32, 32, 0x808080 + (((i * 5) % 64) << 8));
    typed.screen.show(surface);
    server = await listen("guess me");
    const file = path.join(folder, `snapshot-${encoding}.jpeg`);
    const options = ["-quiet", "-nojpeg", "-encodings", encoding, "-passwd", passwordFile("guess me")];
    await run("vncsnapshot", [...options, display(), file]);
    expect(firstDifference(rgbOf(file), surface.rgb(), 6)).toBe(null);
  });

  it("vncsnapshot with another password is let down", async () => {
    server = await listen("guess me");
    const file = path.join(folder, "none.jpeg");
    await expect(
      run("vncsnapshot", ["-quiet", "-passwd", passwordFile("guess her"), display(), file]),
    ).rejects.toThrow();
    expect(() => readFileSync(file)).toThrow();
  });
});

describe.skipIf(withoutX !== null)(`TigerVNC's viewer${withoutX ? ` (${withoutX})` : ""}`, () => {
  let x: ChildProcess;
  let viewer: ChildProcess | null = null;
  let screen: string;

  beforeAll(async () => {
    x = spawn("Xvfb", ["-displayfd", "3", "-screen", "0", "1024x768x24", "-nolisten", "tcp"], {
      stdio: ["ignore", "ignore", "ignore", "pipe"],
    });
    screen = `:${await new Promise<string>((resolve) => x.stdio[3]!.once("data", (data: Buffer) => resolve(data.toString().trim())))}`;
  });
  afterAll(() => x?.kill());
  afterEach(() => viewer?.kill());

  const inX = {
    env: {
      ...process.env,
      HOME: folder,
      get DISPLAY() {
        return screen;
      },
    },
  };
  const look = (...options: string[]): void => {
    viewer = spawn("xtigervncviewer", [...options, "-Shared", "-RemoteResize=0", `127.0.0.1::${server.address.port}`], {
      ...inX,
      stdio: "ignore",
    });
  };
  /** Takes a picture of the X server. Returns where the painted screen's upper left corner is in it, or null if it is not there (yet). */
  function find(surface: Painted): { x: number; y: number } | null {
    const all = spawnSync("import", ["-window", "root", "-depth", "8", "rgb:-"], {
      ...inX,
      maxBuffer: 64 << 20,
    }).stdout;
    const wanted = surface.rgb();
    const row = wanted.subarray(0, surface.width * 3);
    for (let at = all.indexOf(row); at >= 0; at = all.indexOf(row, at + 1)) {
      if (at % 3 !== 0) continue;
      const [left, top] = [(at / 3) % 1024, Math.floor(at / 3 / 1024)];
      if (left + surface.width > 1024 || top + surface.height > 768) continue;
      const isSame = Array.from({ length: surface.height }, (_, y) => y).every((y) =>
        all
          .subarray(((top + y) * 1024 + left) * 3, ((top + y) * 1024 + left + surface.width) * 3)
          .equals(wanted.subarray(y * surface.width * 3, (y + 1) * surface.width * 3)),
      );
      if (isSame) return { x: left, y: top };
    }
    return null;
  }
  const seen = (surface: Painted) =>
    expect.poll(() => find(surface) !== null, { timeout: 30_000, interval: 200 }).toBe(true);

  it.each(["Raw", "Hextile", "ZRLE"])(
    "shows every pixel in the encoding %s, what changes, and another size",
    async (encoding) => {
      const surface = new Painted(401, 303).picture(21);
      typed.screen.show(surface);
      server = await listen("sesame");
      look("-AutoSelect=0", `-PreferredEncoding=${encoding}`, `-PasswordFile=${passwordFile("sesame")}`);
      await seen(surface);
      for (let i = 0; i < 30; i++) {
        surface.fill(13 * i, 9 * i, 10, 10, (0x0303ff * (i + 1)) & 0xffffff);
        typed.screen.damage({ x: 13 * i, y: 9 * i, width: 10, height: 10 });
      }
      await seen(surface);
      const larger = new Painted(640, 480).picture(22);
      typed.screen.show(larger);
      await seen(larger);
      const smaller = new Painted(96, 64).picture(23);
      typed.screen.show(smaller);
      await seen(smaller);
    },
    120_000,
  );

  it("types and points", async () => {
    const surface = new Painted(400, 300).picture(31);
    typed.screen.show(surface);
    server = await listen();
    look();
    await seen(surface);
    const { x: left, y: top } = find(surface)!;
    // There is no window manager to give the viewer's window the keyboard.
    await run("xdotool", ["mousemove", `${left + 20}`, `${top + 20}`], inX);
    const { stdout } = await run("xdotool", ["getmouselocation"], inX);
    await run("xdotool", ["windowfocus", /window:(\d+)/.exec(stdout)![1]!], inX);
    await run("xdotool", ["mousemove", `${left + 100}`, `${top + 50}`], inX);
    await run("xdotool", ["click", "--delay", "100", "1", "click", "3", "click", "5"], inX);
    // A move may be left out in favour of the one that follows it.
    const there = { x: 100 / 399, y: 50 / 299, wheel: 0 };
    for (const buttons of [1, 4]) await expect.poll(() => typed.pointer).toContainEqual({ ...there, buttons });
    await expect.poll(() => typed.pointer.map(({ wheel }) => wheel)).toContain(1);
    await run("xdotool", ["key", "--delay", "30", "a", "Right", "shift+z", "F5", "Return"], inX);
    await expect
      .poll(() => typed.keys.filter(([, isDown]) => isDown).map(([keycode]) => keycode))
      .toEqual([30, 106, 42, 44, 63, 28]);
    await expect.poll(() => typed.keys.filter(([, isDown]) => !isDown).length).toBe(6);
  }, 120_000);
});
