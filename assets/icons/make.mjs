/**
 * Makes the icons of packages and of the tray from icon.svg: `npm run icons`. The results are kept with the sources, so that packaging needs no
 * converter.
 */
import { readFileSync, mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { Resvg } from "@resvg/resvg-js";
import { IconIcns, IconIco } from "@shockpkg/icon-encoder";

const here = path.dirname(fileURLToPath(import.meta.url));

/** The sizes of the freedesktop hicolor theme. */
const LINUX = [16, 24, 32, 48, 64, 128, 256, 512, 1024];
const WINDOWS = [16, 24, 32, 48, 64, 128, 256];
/** ICNS has a type for each size. These are the types whose contents are PNG. */
const MACOS = [
  ["icp4", 16],
  ["icp5", 32],
  ["icp6", 64],
  ["ic07", 128],
  ["ic08", 256],
  ["ic09", 512],
  ["ic10", 1024],
  ["ic11", 32],
  ["ic12", 64],
  ["ic13", 256],
  ["ic14", 512],
];

/** Returns every file by its path in this folder. */
export async function icons() {
  const svg = readFileSync(path.join(here, "icon.svg"), "utf8");
  const drawn = new Map();
  const png = (size) => {
    if (!drawn.has(size)) drawn.set(size, new Resvg(svg, { fitTo: { mode: "width", value: size } }).render().asPng());
    return drawn.get(size);
  };
  const files = new Map(LINUX.map((size) => [`linux/${size}x${size}.png`, png(size)]));
  // By these names Electron takes the file that fits the screen.
  files.set("tray.png", png(16)).set("tray@2x.png", png(32));
  const ico = new IconIco();
  for (const size of WINDOWS) await ico.addFromPng(png(size), null, false);
  files.set("icon.ico", Buffer.from(ico.encode()));
  const icns = new IconIcns();
  for (const [type, size] of MACOS) await icns.addFromPng(png(size), [type], true);
  files.set("icon.icns", Buffer.from(icns.encode()));
  return files;
}

if (process.argv[1] && path.resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  mkdirSync(path.join(here, "linux"), { recursive: true });
  for (const [name, bytes] of await icons()) writeFileSync(path.join(here, name), bytes);
}
