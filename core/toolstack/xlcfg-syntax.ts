/**
 * The syntax of xl.cfg(5): lines of `key = value`, where values are strings, numbers or lists. `#` begins a comment, a newline or a semicolon ends a
 * setting, and inside brackets newlines count as space. A comment ends with a newline: libxlutil takes none without one, unless it is empty. What
 * libxlutil 4.17 takes is taken here, and what it calls an error is an error (test/stock/xlcfg.json), except \xHH, which it is meant to take but
 * never does.
 */

export interface Position {
  line: number;
  column: number;
}
export type ConfigValue = (
  { kind: "string"; text: string } | { kind: "number"; text: string } | { kind: "list"; items: ConfigValue[] }
) &
  Position;
export interface Setting extends Position {
  key: string;
  value: ConfigValue;
  /** `+=`: the value is appended to what was set before. */
  append: boolean;
}

/** A setting, and where in the text it is: its first character, the first one of its value, and the one after its end. */
export interface PlacedSetting extends Setting {
  from: number;
  valueFrom: number;
  to: number;
  /** For a list: where each of its items is. */
  items: { from: number; to: number }[];
}

export class SyntaxProblem extends Error {
  override readonly name = "SyntaxProblem";
  readonly line: number;
  readonly column: number;
  constructor(message: string, { line, column }: Position) {
    super(message);
    this.line = line;
    this.column = column;
  }
}

const ESCAPES: Record<string, string> = {
  ...{ a: "\x07", b: "\b", f: "\f", n: "\n", r: "\r", t: "\t", v: "\v" },
  ...{ "\\": "\\", '"': '"', "'": "'" },
};

/** The settings in the order of the file, and the problems of lines that are no settings. One problem does not hide the next. */
export function parseSyntax(text: string): { settings: PlacedSetting[]; problems: SyntaxProblem[] } {
  const reader = new Reader(text);
  const settings: PlacedSetting[] = [];
  const problems: SyntaxProblem[] = [];
  for (;;) {
    try {
      reader.skipSpace(true);
      if (reader.atEnd) return { settings, problems };
      settings.push(reader.setting());
    } catch (error) {
      if (!(error instanceof SyntaxProblem)) throw error;
      problems.push(error);
      reader.skipLine();
    }
  }
}

/** The depth of lists within lists. No key needs more than one list within another. */
const MOST_NESTED = 16;

class Reader {
  readonly #text: string;
  #at = 0;
  #line = 1;
  #lineStart = 0;
  #nested = 0;
  #items: { from: number; to: number }[] = [];

  constructor(text: string) {
    this.#text = text;
  }

  get atEnd(): boolean {
    return this.#at >= this.#text.length;
  }
  get #position(): Position {
    return { line: this.#line, column: this.#at - this.#lineStart + 1 };
  }
  get #char(): string {
    return this.#text.charAt(this.#at);
  }

  #next(): void {
    if (this.#char === "\n") {
      this.#line++;
      this.#lineStart = this.#at + 1;
    }
    this.#at++;
  }

  /** Skips blanks and comments; if `lines` is set, also line ends and semicolons. */
  skipSpace(lines: boolean): void {
    for (; !this.atEnd; this.#next()) {
      const char = this.#char;
      if (char === "#") {
        const position = this.#position;
        const from = this.#at;
        while (!this.atEnd && this.#char !== "\n") this.#at++;
        if (this.atEnd && this.#at - from > 1)
          throw new SyntaxProblem("the comment that ends the file has no newline behind it, which xl wants", position);
        if (!lines || this.atEnd) return;
      } else if (char === "\n" || char === ";") {
        if (!lines) return;
      } else if (!/\s/.test(char)) {
        return;
      }
    }
  }

  skipLine(): void {
    while (!this.atEnd && this.#char !== "\n") this.#next();
  }

  setting(): PlacedSetting {
    const position = this.#position;
    const from = this.#at;
    const key = /^[a-z][a-z0-9_]*/.exec(this.#text.slice(this.#at, this.#at + 256))?.[0];
    if (!key && /[A-Z]/.test(this.#char)) throw new SyntaxProblem("keys are written in small letters", position);
    if (!key) throw new SyntaxProblem(`expected a key, found ${this.#found()}`, position);
    this.#at += key.length;
    this.skipSpace(false);
    const append = this.#text.startsWith("+=", this.#at);
    if (append) this.#at += 2;
    else if (this.#char === "=") this.#at++;
    else throw new SyntaxProblem(`expected "=" after ${key}, found ${this.#found()}`, this.#position);
    this.skipSpace(false);
    const valueFrom = this.#at;
    this.#nested = 0;
    this.#items = [];
    const value = this.#value(key);
    const to = this.#at;
    this.skipSpace(false);
    if (!this.atEnd && this.#char !== "\n" && this.#char !== ";" && this.#char !== "#")
      throw new SyntaxProblem(
        `expected the end of the line after the value of ${key}, found ${this.#found()}`,
        this.#position,
      );
    return { key, value, append, ...position, from, valueFrom, to, items: this.#items };
  }

  #value(key: string): ConfigValue {
    const position = this.#position;
    const char = this.#char;
    if (char === "'" || char === '"') return { kind: "string", text: this.#string(char), ...position };
    if (char === "[") return { kind: "list", items: this.#list(key), ...position };
    // This is a number as far as syntax goes. Whether it really is one is checked where a number is wanted.
    const number = /^\d[0-9a-fx]*(?![A-Za-z0-9_.])/.exec(this.#text.slice(this.#at, this.#at + 64))?.[0];
    if (number) {
      this.#at += number.length;
      return { kind: "number", text: number, ...position };
    }
    throw new SyntaxProblem(
      `expected a value for ${key}: a quoted string, a number or a [list]; found ${this.#found()}`,
      position,
    );
  }

  #string(quote: string): string {
    const position = this.#position;
    let text = "";
    for (this.#at++; ; this.#at++) {
      const char = this.#char;
      if (char === quote) break;
      if (this.atEnd || char === "\n")
        throw new SyntaxProblem(`the string that begins here has no closing ${quote}`, position);
      if (char !== "\\") {
        text += char;
        continue;
      }
      this.#at++;
      const escaped = this.#char;
      const hex = /^x([0-9a-fA-F]{2})/.exec(this.#text.slice(this.#at, this.#at + 3));
      const octal = /^[0-7]{3}/.exec(this.#text.slice(this.#at, this.#at + 3));
      if (hex) {
        text += String.fromCharCode(parseInt(hex[1]!, 16));
        this.#at += 2;
      } else if (octal) {
        text += String.fromCharCode(parseInt(octal[0], 8) & 255);
        this.#at += octal[0].length - 1;
      } else if (escaped === "" || escaped === "\n") {
        throw new SyntaxProblem(`the string that begins here has no closing ${quote}`, position);
      } else if (Object.hasOwn(ESCAPES, escaped)) {
        text += ESCAPES[escaped]!;
      } else {
        const allowed = String.raw`\a \b \f \n \r \t \v \\ \" \' \xHH \OOO`;
        throw new SyntaxProblem(
          `a string has no ${JSON.stringify(`\\${escaped}`).slice(2, -1)}; allowed: ${allowed}`,
          this.#position,
        );
      }
    }
    this.#at++;
    // xl's strings end here.
    return text.split("\0", 1)[0]!;
  }

  #list(key: string): ConfigValue[] {
    const start = this.#position;
    const items: ConfigValue[] = [];
    if (++this.#nested > MOST_NESTED)
      throw new SyntaxProblem(`the lists of ${key} are nested more than ${MOST_NESTED} deep`, start);
    this.#at++;
    for (;;) {
      this.skipSpace(true);
      if (this.atEnd) throw new SyntaxProblem(`the list that begins here has no closing "]"`, start);
      if (this.#char === "]") break;
      const from = this.#at;
      items.push(this.#value(key));
      if (this.#nested === 1) this.#items.push({ from, to: this.#at });
      this.skipSpace(true);
      if (this.atEnd) continue;
      if (this.#char === ",") this.#at++;
      else if (this.#char !== "]")
        throw new SyntaxProblem(`expected "," or "]" in the list of ${key}, found ${this.#found()}`, this.#position);
    }
    this.#at++;
    this.#nested--;
    return items;
  }

  #found(): string {
    if (this.atEnd) return "the end of the file";
    if (this.#char === "\n") return "the end of the line";
    return JSON.stringify(this.#char);
  }
}
