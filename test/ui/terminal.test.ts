/**
 * What a hostile guest writes to its console, in a window's terminal: escape sequences of all kinds, megabytes without the end of a line, numbers
 * that have no end. The terminal must go on working, keep no more than it says, and do nothing but show bytes. `XENARIUM_TRIES=100000 npx vitest run
 * test/ui/terminal.test.ts` makes more attempts.
 */
import { readFileSync } from "node:fs";
import path from "node:path";
import { build } from "esbuild";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { pick, random, SEED, triesOf, type Random } from "../fuzz/random.ts";
import { chromiumMissing, launch } from "./browser.ts";

const root = path.resolve(import.meta.dirname, "../..");
const missing = chromiumMissing();
const TRIES = triesOf(4000);
/** The number of sequences that are written at one time. */
const BATCH = 200;
const SCROLLBACK = 10_000;

let browser: Browser;
let page: Page;
/** What the terminal did that it must not do. */
const deeds: string[] = [];

/** What the page offers: a console as in the window, and what was typed to the guest. */
interface Rig {
  write(bytes: string): Promise<number>;
  output(bytes: string, offset: number): void;
  log: { bytes: string; end: number };
  asked: number;
  typed: string[];
  state(): {
    rows: number;
    cols: number;
    lines: number;
    title: string;
    place: string;
    text: string;
    elements: number;
    letters: number;
    waiting: number;
  };
}
declare global {
  interface Window {
    rig: Rig;
  }
}

const RIG = `
import { Consoles } from ${JSON.stringify(path.join(root, "renderer/console/consoles.ts"))};
const bytesOf = (text) => Uint8Array.from(text, (each) => each.charCodeAt(0));
const rig = { typed: [], asked: 0, log: { bytes: "", end: 0 } };
const consoles = new Consoles(async (name, args) => {
  if (name === "consoleInput") rig.typed.push(String.fromCharCode(...args.bytes));
  else { rig.asked++; return { log: bytesOf(rig.log.bytes), end: rig.log.end }; }
});
const it = consoles.of(1);
it.show(document.getElementById("place"));
let end = 0;
// In pieces as they come from the host, each when the one before is shown: how long the longest took, in ms.
rig.write = async (text) => {
  let longest = 0;
  for (let at = 0; at < text.length; at += 16384) {
    const began = performance.now();
    it.write(bytesOf(text.slice(at, at + 16384)));
    await it.allShown();
    longest = Math.max(longest, performance.now() - began);
  }
  return longest;
};
rig.output = (text, offset) => consoles.output(1, bytesOf(text), offset);
rig.state = () => {
  const { terminal } = it;
  const { active } = terminal.buffer;
  const text = Array.from({ length: terminal.rows }, (_, i) => active.getLine(active.baseY + i)?.translateToString(true) ?? "").join("\\n");
  const screen = it.element;
  return {
    rows: terminal.rows, cols: terminal.cols, lines: terminal.buffer.normal.length, title: document.title, place: location.href, text,
    elements: screen.querySelectorAll("*").length, letters: screen.textContent.length, waiting: it.waiting,
  };
};
window.rig = rig;
`;

const csi = (chance: Random): string => {
  const number = (): string =>
    String(pick(chance, [0, 1, 2, 7, 24, 80, 255, 1049, 2004, 65535, 2 ** 31 - 1, 2 ** 32, 1e20]));
  const count = chance(5);
  const parameters = Array.from({ length: count }, number).join(pick(chance, [";", ":", ";;"]));
  const prefix = pick(chance, ["", "", "", "?", ">", "=", "<"]);
  const intermediate = pick(chance, ["", "", "", " ", "!", '"', "$", "'", "*"]);
  return `\x1b[${prefix}${parameters}${intermediate}${String.fromCharCode(64 + chance(63))}`;
};
function sequence(chance: Random): string {
  const text = "echo pwned\rrm -rf /\n";
  const end = pick(chance, ["\x07", "\x1b\\", "\x9c", ""]);
  const long = "v".repeat(chance(20) === 0 ? 50_000 : chance(100));
  switch (chance(10)) {
    case 0:
    case 1:
    case 2:
      return `A${csi(chance)}`;
    case 3:
      return `\x1b]${pick(chance, [0, 1, 2, 4, 7, 8, 9, 10, 11, 12, 50, 52, 104, 133, 633, 777, 1337, 99999])};${pick(chance, ["?", "c;cHduZWQ=", ";http://127.0.0.1:1/x", text, long, "1;?;2;?"])}${end}`;
    case 4:
      return `\x1bP${pick(chance, ["$q", "+q", "q", "1;2|", ">|"])}${pick(chance, ["m", '"p', "r", text, long])}${end}`;
    case 5:
      return `\x1b${pick(chance, ["_", "^", "X", "k"])}${text}${end}`;
    case 6:
      return `\x1b${String.fromCharCode(32 + chance(95))}${String.fromCharCode(32 + chance(95))}`;
    case 7:
      return Array.from({ length: chance(200) }, () => String.fromCharCode(chance(256))).join("");
    case 8:
      // Marks that are put onto the letter before them, without end; letters of two columns; and the mark that turns the direction around.
      return Buffer.from(
        pick(chance, ["e\u0301\u0302", "\u4e2d", "\u202e", "\u200d\u{1f469}", "\u{1f1e9}"]).repeat(chance(60)),
      ).toString("latin1");
    default:
      return text.repeat(chance(8));
  }
}

const goOn = async (): Promise<void> => {
  await page.evaluate(() => window.rig.write("\x18\x1b\\\x1bc\x1b[!palive\r\n"));
  expect((await page.evaluate(() => window.rig.state())).text).toContain("alive");
};

describe.skipIf(missing !== null)(`a terminal${missing ? ` (${missing})` : ""}`, () => {
  beforeAll(async () => {
    const { outputFiles } = await build({
      stdin: { contents: RIG, resolveDir: root, loader: "ts" },
      bundle: true,
      write: false,
      format: "iife",
    });
    browser = await launch();
    page = await browser.newPage({ viewport: { width: 900, height: 600 } });
    page.on("popup", (popup) => deeds.push(`opened ${popup.url()}`));
    page.on("dialog", (dialog) => {
      deeds.push(`asked: ${dialog.message()}`);
      void dialog.dismiss();
    });
    page.on("pageerror", (error) => deeds.push(`failed: ${error.message}`));
    page.on("request", (request) => deeds.push(`asked for ${request.url()}`));
    page.on("console", (message) => {
      if (message.type() === "error") deeds.push(`complained: ${message.text()}`);
    });
    await page.setContent('<title>Xenarium</title><div id="place" style="width:880px;height:560px"></div>');
    await page.addStyleTag({
      content: readFileSync(path.join(root, "node_modules/@xterm/xterm/css/xterm.css"), "utf8"),
    });
    await page.addScriptTag({ content: outputFiles[0]!.text });
  }, 60_000);
  afterAll(() => browser?.close());

  it("does not count without end: repetitions, lines, columns, tabs", async () => {
    for (const final of [
      "b",
      "@",
      "P",
      "X",
      "L",
      "M",
      "S",
      "T",
      "I",
      "Z",
      "'}",
      "'~",
      " @",
      " A",
      "A",
      "B",
      "C",
      "D",
      "E",
      "F",
      "a",
      "e",
      "H",
      "r",
      "t",
      "J",
      "K",
    ])
      for (const number of ["65535", "2147483647", "99999999999"]) {
        const took = await page.evaluate(
          (text) => window.rig.write(text),
          `A\x1b[5;5HB\x1b[${number}${final}`.repeat(20),
        );
        expect(took, `CSI ${number} ${final}`).toBeLessThan(1000);
        expect(deeds).toEqual([]);
      }
    await goOn();
  }, 120_000);

  it("is as large as it was, and no letter of its is without end, whatever marks are put onto it", async () => {
    const { rows, cols } = await page.evaluate(() => window.rig.state());
    const marks = Buffer.from("e" + "\u0301".repeat(1_000_000)).toString("latin1");
    const took = await page.evaluate((text) => window.rig.write(text), marks);
    expect(took).toBeLessThan(1000);
    await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve))));
    const state = await page.evaluate(() => window.rig.state());
    expect(state).toMatchObject({ rows, cols });
    expect(state.letters).toBeLessThan(rows * cols * 20);
    // Bytes and letters between them, of which none is put onto another letter.
    for (const part of ["\x00", "\x7f", "\xff", "\x80", "\xc0\x80", "\xed\xa0\x80"]) {
      const parted = Buffer.from("\u0301").toString("latin1") + part;
      expect(await page.evaluate((text) => window.rig.write(text), `e${parted.repeat(50_000)}`)).toBeLessThan(1000);
    }
    await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve))));
    expect((await page.evaluate(() => window.rig.state())).letters).toBeLessThan(rows * cols * 20);
    await goOn();
  }, 60_000);

  it("shows megabytes without a line's end, and keeps its number of lines", async () => {
    for (let i = 0; i < 3; i++)
      await page.evaluate((n) => window.rig.write(String.fromCharCode(97 + n).repeat(1 << 20)), i);
    const { lines, rows } = await page.evaluate(() => window.rig.state());
    expect(lines).toBeLessThanOrEqual(SCROLLBACK + rows);
    expect(deeds).toEqual([]);
    await goOn();
  }, 120_000);

  it("answers questions of the terminal, and no more of them than can be typed: what somebody types is not behind a million", async () => {
    await page.evaluate(() => {
      window.rig.typed.length = 0;
      return window.rig.write("\x1b[6n\x1b[c\x1b[5n\x1bP$qm\x1b\\".repeat(20_000));
    });
    await expect.poll(() => page.evaluate(() => window.rig.typed.length)).toBeGreaterThan(0);
    await page.locator(".xterm-helper-textarea").focus();
    await page.keyboard.type("Q");
    await expect.poll(() => page.evaluate(() => window.rig.typed.join("")), { timeout: 20_000 }).toContain("Q");
    const answers = await page.evaluate(() => window.rig.typed.join(""));
    expect(answers.length).toBeLessThan(100_000);
    expect(answers).toMatch(/^\x1b\[\d+;\d+R\x1b\[\?/);
    await goOn();
  }, 60_000);

  it("leads nowhere", async () => {
    await page.evaluate(() =>
      window.rig.write("\x1bc\x1b]8;;http://127.0.0.1:1/away\x1b\\link\x1b]8;;\x1b\\ http://127.0.0.1:1/plain\r\n"),
    );
    const row = page.locator(".xterm-rows > div").first();
    await expect.poll(() => row.innerText()).toContain("link");
    const box = (await row.boundingBox())!;
    for (const x of [4, 12, 60, 90]) {
      await page.mouse.move(box.x + x, box.y + box.height / 2);
      await page.mouse.click(box.x + x, box.y + box.height / 2);
      await page.keyboard.down("Control");
      await page.mouse.click(box.x + x, box.y + box.height / 2);
      await page.keyboard.up("Control");
    }
    expect(deeds).toEqual([]);
  });

  it("goes on with what the host has kept when a guest writes faster than it is shown, and says what is left out", async () => {
    const { asked } = await page.evaluate(() => {
      const piece = "x".repeat(65_536);
      let offset = 0;
      for (let i = 0; i < 200; i++, offset += piece.length) window.rig.output(piece, offset);
      window.rig.log = { bytes: "the last bytes\r\n", end: offset };
      return { asked: window.rig.asked };
    });
    await expect.poll(() => page.evaluate(() => window.rig.asked), { timeout: 30_000 }).toBe(asked + 1);
    await expect
      .poll(() => page.evaluate(() => window.rig.state().text))
      .toMatch(/\[\d+ bytes came faster[\s\S]*the last bytes/);
    expect(deeds).toEqual([]);
    const { waiting } = await page.evaluate(() => window.rig.state());
    expect(waiting).toBe(0);
  }, 60_000);

  it(`only shows, in ${TRIES} tries (seed ${SEED})`, async () => {
    const chance = random(SEED);
    const before = await page.evaluate(() => {
      window.rig.typed.length = 0;
      return window.rig.state();
    });
    let slowest = 0;
    for (let i = 0; i < TRIES; i += BATCH) {
      const text = Array.from({ length: BATCH }, () => sequence(chance)).join("");
      slowest = Math.max(slowest, await page.evaluate((written) => window.rig.write(written), text));
      const { rows, cols, lines, title, place, elements } = await page.evaluate(() => window.rig.state());
      expect({ rows, cols, title, place }).toEqual({
        rows: before.rows,
        cols: before.cols,
        title: "Xenarium",
        place: before.place,
      });
      expect(lines).toBeLessThanOrEqual(SCROLLBACK + rows);
      expect(elements).toBeLessThan(rows * (cols + 4) + 500);
      expect(deeds, `tries ${i} to ${i + BATCH}`).toEqual([]);
    }
    await goOn();
    expect(slowest).toBeLessThan(5000);
    // These are only the terminal's own answers: no text of the guest comes back as if somebody had typed it.
    const typed = await page.evaluate(() => window.rig.typed.join(""));
    expect(typed).not.toMatch(/pwned|rm -rf|[\r\n]/);
    expect(typed.length).toBeGreaterThan(0);
  }, 600_000);
});
