/**
 * xterm.js makes <style> elements for its colours and sizes, which our content security policy refuses. While `body` runs, such elements
 * write into constructed style sheets instead, which belong to the script and not to the document's text.
 */
export function withConstructedStyles(body: () => void): void {
  const original = document.createElement.bind(document);
  document.createElement = ((name: string, options?: ElementCreationOptions) => {
    const element = original(name, options);
    return name === "style" ? constructed(element as HTMLStyleElement) : element;
  }) as typeof document.createElement;
  try {
    body();
  } finally {
    document.createElement = original as typeof document.createElement;
  }
}

function constructed(element: HTMLStyleElement): HTMLStyleElement {
  const sheet = new CSSStyleSheet();
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
  Object.defineProperty(element, "textContent", {
    get: () => "",
    set: (text: string) => sheet.replaceSync(text),
  });
  const remove = element.remove.bind(element);
  element.remove = () => {
    document.adoptedStyleSheets = document.adoptedStyleSheets.filter((each) => each !== sheet);
    remove();
  };
  return element;
}
