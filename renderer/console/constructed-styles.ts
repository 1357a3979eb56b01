/**
 * xterm.js makes <style> elements for its colours and sizes, which our content security policy refuses. While `body` runs, it gets
 * hidden elements instead whose text goes into constructed style sheets, which belong to the script and not to the document.
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
 * xterm.js gives a letter's own colours (24-bit ones, and what a search marks) by its style attribute, which the policy refuses as
 * well. The same through the element's style object, it allows.
 */
export function allowSpanStyles(): void {
  HTMLSpanElement.prototype.setAttribute = function (this: HTMLSpanElement, name: string, value: string): void {
    if (name === "style") this.style.cssText = value;
    else Element.prototype.setAttribute.call(this, name, value);
  };
}
