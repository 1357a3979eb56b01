/** Dark, light, or as the system has it. Colours are CSS's light-dark(); this only sets color-scheme. */
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
  // Canvases have taken their colours from the style sheet: they draw again.
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

/** Colours that were asked for since the appearance changed: to find one out costs a style and a layout. */
const colors = new Map<string, string>();
// Before any canvas's listener, which is added later.
for (const query of ["(prefers-color-scheme: dark)", "(forced-colors: active)"])
  matchMedia(query).addEventListener("change", () => colors.clear());

/** The colour that a custom property has now, for canvases. */
export function themeColor(property: string): string {
  let color = colors.get(property);
  if (color === undefined) colors.set(property, (color = computedColor(property)));
  return color;
}

function computedColor(property: string): string {
  const probe = document.createElement("span");
  // With forced colours every text has one: on a canvas nothing could be told apart.
  probe.style.setProperty("forced-color-adjust", "none");
  probe.style.color = `var(${property})`;
  document.body.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}
