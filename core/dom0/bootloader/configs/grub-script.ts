/** The shell language of grub.cfg: words with quotes and variables, commands, blocks in braces, if, for and function (GRUB manual, 6.2). */
import { BootError } from "../error.ts";

/** A piece of a word: literal text, or a variable that its value replaces. */
export interface Piece {
  text: string;
  isVariable: boolean;
  /** A value that is not quoted may become several words, or none. */
  isQuoted: boolean;
}
export type Word = readonly Piece[];

export interface Command {
  words: readonly Word[];
  /** The block in braces after the command: of menuentry, submenu or function. */
  block: readonly Statement[] | null;
}
export type Statement =
  | { kind: "command"; command: Command }
  | {
      kind: "if";
      branches: readonly { condition: readonly Statement[]; body: readonly Statement[] }[];
      otherwise: readonly Statement[];
    }
  | { kind: "for"; variable: string; words: readonly Word[]; body: readonly Statement[] }
  | { kind: "skipped" };

type Token = { kind: "word"; word: Word; plain: string | null } | { kind: "end" };

const MOST_DEPTH = 32;

export function parseScript(text: string): Statement[] {
  const parser = new Parser(tokens(text));
  return parser.statements(new Set(), 0);
}

function tokens(text: string): Token[] {
  const found: Token[] = [];
  let at = 0;
  while (at < text.length) {
    const character = text[at]!;
    if (character === "\n" || character === ";") {
      found.push({ kind: "end" });
      at++;
    } else if (character === "#") {
      while (at < text.length && text[at] !== "\n") at++;
    } else if (/\s/.test(character)) at++;
    else if (text.startsWith("\\\n", at)) at += 2;
    else {
      const [word, end] = readWord(text, at);
      const isPlain = word.every(({ isVariable, isQuoted }) => !isVariable && !isQuoted);
      found.push({ kind: "word", word, plain: isPlain ? word.map((piece) => piece.text).join("") : null });
      at = end;
    }
  }
  return found;
}

function readWord(text: string, start: number): [Word, number] {
  const pieces: Piece[] = [];
  const add = (piece: string, isVariable: boolean, isQuoted: boolean): void =>
    void pieces.push({ text: piece, isVariable, isQuoted });
  let at = start;
  let isInside = false;
  while (at < text.length) {
    const character = text[at]!;
    if (!isInside && /[\s;]/.test(character)) break;
    if (character === '"') {
      isInside = !isInside;
      add("", false, true);
      at++;
    } else if (character === "'" && !isInside) {
      const end = text.indexOf("'", at + 1);
      add(text.slice(at + 1, end < 0 ? text.length : end), false, true);
      at = end < 0 ? text.length : end + 1;
    } else if (character === "\\" && at + 1 < text.length && (!isInside || /["$\\\n]/.test(text[at + 1]!))) {
      if (text[at + 1] !== "\n") add(text[at + 1]!, false, true);
      at += 2;
    } else if (character === "$") {
      const match = /^\$(?:\{([^}\n]*)\}|([A-Za-z_]\w*|[?@#*0-9]))/.exec(text.slice(at, at + 256));
      if (match) add(match[1] ?? match[2]!, true, isInside);
      else add("$", false, isInside);
      at += match?.[0].length ?? 1;
    } else {
      const end = at + /^[^"'\\$\s;]*/.exec(text.slice(at, at + 4096))![0].length;
      add(text.slice(at, Math.max(end, at + 1)), false, isInside);
      at = Math.max(end, at + 1);
    }
  }
  return [pieces, at];
}

class Parser {
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(all: readonly Token[]) {
    this.#tokens = all;
  }

  /** Parses statements up to one of these words in the place of a command, which is not consumed; or up to the end. */
  statements(until: ReadonlySet<string>, depth: number): Statement[] {
    if (depth > MOST_DEPTH) throw new BootError(`grub.cfg is nested more than ${MOST_DEPTH} deep.`);
    const found: Statement[] = [];
    for (;;) {
      const token = this.#tokens[this.#at];
      if (!token) return found;
      if (token.kind === "end") this.#at++;
      else if (token.plain !== null && until.has(token.plain)) return found;
      else found.push(this.#statement(depth));
    }
  }

  #statement(depth: number): Statement {
    switch (this.#plain()) {
      case "if":
        return this.#if(depth);
      case "for":
        return this.#for(depth);
      case "while":
      case "until":
        this.#at++;
        this.statements(new Set(["do"]), depth + 1);
        this.#at++;
        this.statements(new Set(["done"]), depth + 1);
        this.#at++;
        return { kind: "skipped" };
    }
    return this.#command(depth);
  }

  #if(depth: number): Statement {
    const branches: { condition: Statement[]; body: Statement[] }[] = [];
    let otherwise: Statement[] = [];
    for (;;) {
      this.#at++;
      const condition = this.statements(new Set(["then"]), depth + 1);
      this.#at++;
      const body = this.statements(new Set(["elif", "else", "fi"]), depth + 1);
      branches.push({ condition, body });
      if (this.#plain() === "elif") continue;
      if (this.#plain() === "else") {
        this.#at++;
        otherwise = this.statements(new Set(["fi"]), depth + 1);
      }
      this.#at++;
      return { kind: "if", branches, otherwise };
    }
  }

  #for(depth: number): Statement {
    this.#at++;
    const variable = this.#plain() ?? "";
    this.#at += 2;
    const words = this.#words();
    this.statements(new Set(["do"]), depth + 1);
    this.#at++;
    const body = this.statements(new Set(["done"]), depth + 1);
    this.#at++;
    return { kind: "for", variable, words, body };
  }

  #command(depth: number): Statement {
    const name = this.#plain();
    const words = this.#words();
    const takesBlock = name === "menuentry" || name === "submenu" || name === "function" || name === "{";
    let block: Statement[] | null = null;
    if (takesBlock) {
      if (name !== "{") while (this.#tokens[this.#at]?.kind === "end") this.#at++;
      if (this.#plain() === "{" || name === "{") {
        if (name !== "{") this.#at++;
        block = this.statements(new Set(["}"]), depth + 1);
        this.#at++;
      }
    }
    return name === "function" ? { kind: "skipped" } : { kind: "command", command: { words, block } };
  }

  /** Parses the words of one command, up to a block or the command's end. */
  #words(): Word[] {
    const words: Word[] = [];
    for (let token = this.#tokens[this.#at]; token?.kind === "word"; token = this.#tokens[++this.#at]) {
      if (token.plain === "{" && words.length > 0) break;
      if (token.plain === "}" && words.length > 0) break;
      words.push(token.word);
      if (token.plain === "{") {
        this.#at++;
        break;
      }
    }
    return words;
  }

  #plain(): string | null {
    const token = this.#tokens[this.#at];
    return token?.kind === "word" ? token.plain : null;
  }
}
