/**
 * xterm.js makes <style> elements for its colours and sizes, which our content security policy refuses. While `body` runs, xterm.js gets hidden
 * elements instead, and their text goes into constructed style sheets, which belong to the script and not to the document.
 */
export function withConstructedStyles(body: () => void): void {
  const original = document.createElement.bind(document);
  document.createElement = ((name: string, options?: ElementCreationOptions) =>
    name === "style" ? styleHolder(original("span")) : original(name, options)) as typeof document.createElement;
  try {
    body();
  } finally {
    document.createElement = original as typeof document.createElement;
  }
}

function styleHolder(element: HTMLElement): HTMLElement {
  const sheet = new CSSStyleSheet();
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
  element.hidden = true;
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

/**
 * xterm.js sets a letter's own colours (24-bit colours, and those of search matches) by the style attribute, which the policy refuses as well. The
 * policy allows the same change through the element's style object.
 */
export function allowSpanStyles(): void {
  HTMLSpanElement.prototype.setAttribute = function (this: HTMLSpanElement, name: string, value: string): void {
    if (name === "style") this.style.cssText = value;
    else Element.prototype.setAttribute.call(this, name, value);
  };
}
