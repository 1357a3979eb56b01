/** Chooses a frame's colour: by its owner, the stronger the more the frame's type binds it; or by its type. */
import { themeColor } from "../../ui/theme.ts";
import { DOMID_NOBODY, DOMID_XEN, KINDS, type PaletteEntry } from "./frames.ts";

export type ColorBy = "owner" | "type";
export type Rgb = [red: number, green: number, blue: number];

const GRAPH_COLORS = 6;
/** The strength of frames that are not searched for while others are. */
const DIMMED = 0.12;

function rgb(property: string): Rgb {
  const [red = 0, green = 0, blue = 0] =
    themeColor(property)
      .match(/[\d.]+/g)
      ?.map(Number) ?? [];
  return [red, green, blue];
}
function mix(color: Rgb, ground: Rgb, strength: number): Rgb {
  return color.map((part, i) => Math.round(part * strength + ground[i]! * (1 - strength))) as Rgb;
}
export function cssColor([red, green, blue]: Rgb): string {
  return `rgb(${red}, ${green}, ${blue})`;
}

function ownerProperty(domid: number): string {
  if (domid === DOMID_XEN) return "--frame-xen";
  if (domid === DOMID_NOBODY) return "--frame-free";
  return domid === 0 ? "--frame-dom0" : `--graph-${((domid - 1) % GRAPH_COLORS) + 1}`;
}

/** Returns the colour of each entry of the palette. `only` is the one that is searched for; the others are dimmed. */
export function colorsOf(
  palette: readonly PaletteEntry[],
  by: ColorBy,
  only: ((entry: PaletteEntry) => boolean) | null,
): Rgb[] {
  const ground = rgb("--surface");
  const known = new Map<string, Rgb>();
  const color = (property: string): Rgb => {
    let found = known.get(property);
    if (!found) known.set(property, (found = rgb(property)));
    return found;
  };
  return palette.map((entry) => {
    const { domid, kind } = entry;
    const full =
      by === "type" ? color(`--kind-${kind}`) : mix(color(ownerProperty(domid)), ground, KINDS[kind].strength);
    return !only || only(entry) ? full : mix(full, ground, DIMMED);
  });
}
