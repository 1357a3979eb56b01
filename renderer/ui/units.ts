/** Figures with their units, as captions and axes show them: "12%", "48 MiB", "1.5 k/s". */

/** The prefixes from "k" on, for what is counted. MiB and percent are never scaled. */
const SCALES = ["", "k", "M", "G", "T"];

const BYTES = "B/s";

/** For a unit that is counted per second, returns the scale that it has already, as in "M/s". */
function counted(unit: string): number | null {
  if (unit === BYTES) return 0;
  const scale = SCALES.indexOf(unit.replace(/\/s$/, ""));
  return unit.endsWith("/s") && scale >= 0 ? scale : null;
}
function scaled(value: number, from: number, least: number): { value: number; scale: string } {
  let scale = from;
  let shown = value;
  while (shown >= least && scale < SCALES.length - 1) {
    shown /= 1000;
    scale++;
  }
  return { value: shown, scale: SCALES[scale]! };
}
/** Writes the unit after a number. Percent signs and plain counts stand without a space. */
function withUnit(text: string, unit: string): string {
  return unit === "%" || unit === "/s" ? `${text}${unit}` : `${text} ${unit}`;
}

/** The text beside a line's name. It is "–" if there is no figure. */
export function formatValue(value: number, unit: string): string {
  if (!Number.isFinite(value)) return "–";
  const from = counted(unit);
  const shown = from === null ? { value, scale: "" } : scaled(value, from, 10_000);
  const text = shown.value >= 100 || Number.isInteger(shown.value) ? shown.value.toFixed(0) : shown.value.toFixed(1);
  return withUnit(text, from === null ? unit : perSecond(shown.scale, unit));
}
function perSecond(scale: string, unit: string): string {
  return unit === BYTES ? `${scale}${BYTES}` : `${scale}/s`;
}

/** A size in bytes, as for files and disks. */
export function sizeText(bytes: number): string {
  if (bytes < 2 ** 10) return `${bytes} bytes`;
  const [power, unit] =
    bytes < 2 ** 20 ? [10, "KiB"] : bytes < 2 ** 30 ? [20, "MiB"] : bytes < 2 ** 40 ? [30, "GiB"] : [40, "TiB"];
  const size = bytes / 2 ** Number(power);
  return `${size >= 100 || Number.isInteger(size) ? size.toFixed(0) : size.toFixed(1)} ${unit}`;
}

/** The text at a mark of an axis. */
export function formatTick(value: number, unit: string): string {
  const from = counted(unit);
  if (from === null || value === 0) return withUnit(String(Math.round(value * 100) / 100), unit);
  const shown = scaled(value, from, 1000);
  return withUnit(String(Math.round(shown.value * 100) / 100), perSecond(shown.scale, unit));
}
