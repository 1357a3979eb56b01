/** Dark, light, or the system's choice. Colours are CSS's light-dark(), so this only sets color-scheme. */
export type Theme = "system" | "light" | "dark";

const KEY = "xenarium.theme";

export function storedTheme(): Theme {
  const value = localStorage.getItem(KEY);
  return value === "light" || value === "dark" ? value : "system";
}

export function setTheme(theme: Theme): void {
  localStorage.setItem(KEY, theme);
  applyStoredTheme();
}

export function applyStoredTheme(): void {
  const theme = storedTheme();
  document.documentElement.dataset.theme = theme;
  colors.clear();
  // Canvases have taken their colours from the style sheet, so they have to draw again.
  window.dispatchEvent(new Event("xenarium-theme"));
}

/** Tells when the appearance changes: another was chosen, or the system has another. The returned function ends it. */
export function onTheme(listener: () => void): () => void {
  const scheme = matchMedia("(prefers-color-scheme: dark)");
  scheme.addEventListener("change", listener);
  window.addEventListener("xenarium-theme", listener);
  return () => {
    scheme.removeEventListener("change", listener);
    window.removeEventListener("xenarium-theme", listener);
  };
}

/** The colours that were asked for since the appearance changed. Finding one out costs a style and a layout pass. */
const colors = new Map<string, string>();
// This listener comes before that of any canvas, which is added later.
for (const query of ["(prefers-color-scheme: dark)", "(forced-colors: active)"])
  matchMedia(query).addEventListener("change", () => colors.clear());

/** Returns the present colour of a custom property, for canvases. */
export function themeColor(property: string): string {
  let color = colors.get(property);
  if (color === undefined) colors.set(property, (color = computedColor(property)));
  return color;
}

function computedColor(property: string): string {
  const probe = document.createElement("span");
  // With forced colours all text has the same colour, and nothing could be told apart on a canvas.
  probe.style.setProperty("forced-color-adjust", "none");
  probe.style.color = `var(${property})`;
  document.body.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}
