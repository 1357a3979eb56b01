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
  // Canvases have taken their colours from the style sheet: they draw again.
  window.dispatchEvent(new Event("xenarium-theme"));
}

/** Tells when another appearance was chosen. The returned function ends it. */
export function onTheme(listener: () => void): () => void {
  window.addEventListener("xenarium-theme", listener);
  return () => window.removeEventListener("xenarium-theme", listener);
}

/** The colour that a custom property has now, for canvases. */
export function themeColor(property: string): string {
  const probe = document.createElement("span");
  probe.style.color = `var(${property})`;
  document.body.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}
