/**
 * The values of an xl.cfg's keys, read as libxlutil 4.17 reads them. A list where one value is wanted (or the other way round), and a number that is
 * none, cause a warning and are left out as if the key were not there. Numbers are those of C: 0x is hexadecimal, 0 is octal.
 */
import type { ConfigDiagnostic } from "./messages.ts";
import type { ConfigValue, Setting } from "./xlcfg-syntax.ts";

export const show = (value: ConfigValue): string => (value.kind === "list" ? "a list" : JSON.stringify(value.text));

export class ConfigValues {
  readonly #settings = new Map<string, Setting>();
  readonly #diagnostics: ConfigDiagnostic[];
  /** The keys about which a warning was given already, because a key is read more than once. */
  readonly #passedOver = new Set<string>();

  constructor(diagnostics: ConfigDiagnostic[]) {
    this.#diagnostics = diagnostics;
  }

  get settings(): Iterable<Setting> {
    return this.#settings.values();
  }

  setting(key: string): Setting | null {
    return this.#settings.get(key) ?? null;
  }

  /** Later settings of a key replace earlier ones, or are appended to them by +=. */
  add(setting: Setting): void {
    const before = this.#settings.get(setting.key);
    if (!setting.append || !before) {
      this.#settings.set(setting.key, setting);
      return;
    }
    const { value: first } = before;
    const { value: second } = setting;
    if (first.kind === "list" && second.kind === "list") {
      this.#settings.set(setting.key, { ...setting, value: { ...second, items: [...first.items, ...second.items] } });
    } else if (first.kind === "list" || second.kind === "list") {
      this.complain("error", `${setting.key} += mixes a list and a string`, setting, setting.key);
    } else if (first.kind === "number" || second.kind === "number") {
      this.#settings.delete(setting.key);
      this.complain(
        "warning",
        `${setting.key} += works with strings and lists, not with numbers; ${setting.key} is ignored`,
        setting,
        setting.key,
      );
    } else {
      this.#settings.set(setting.key, { ...setting, value: { ...second, text: first.text + second.text } });
    }
  }

  /** Adds the place where it is, if it is in the text. */
  complain(severity: "error" | "warning", message: string, at: Setting | ConfigValue | null, key: string | null): void {
    const line = at?.line ?? 0;
    const where = line ? `line ${line}: ` : "";
    this.#diagnostics.push({ severity, message: `${where}${message}`, key, line, column: at?.column ?? 0 });
  }

  /** The value can't have been meant. */
  refuse(key: string, allowed: string): void {
    const setting = this.setting(key);
    this.complain("error", `${key} is ${setting ? show(setting.value) : "missing"}; allowed: ${allowed}`, setting, key);
  }

  #passOver(key: string, what: string): null {
    if (this.#passedOver.has(key)) return null;
    this.#passedOver.add(key);
    const setting = this.setting(key)!;
    this.complain(
      "warning",
      `${key} is ${show(setting.value)}, which is no ${what}; it is ignored, as xl does`,
      setting,
      key,
    );
    return null;
  }

  /** Takes a string or a number. Returns null if there is neither. */
  string(key: string): string | null {
    const value = this.setting(key)?.value;
    if (!value) return null;
    return value.kind === "list" ? this.#passOver(key, "string") : value.text;
  }

  list(key: string): readonly ConfigValue[] | null {
    const value = this.setting(key)?.value;
    if (!value) return null;
    return value.kind === "list" ? value.items : this.#passOver(key, "list");
  }

  /** Returns null if there is none. */
  number(key: string): number | null {
    const value = this.setting(key)?.value;
    if (!value) return null;
    const number = value.kind === "list" ? null : parseNumber(value.text);
    return number ?? this.#passOver(key, "number");
  }

  /** A number within limits. Outside of them it is refused. */
  integer(key: string, min: number, max: number, unit = ""): number | null {
    const number = this.number(key);
    if (number === null || (number >= min && number <= max)) return number;
    this.refuse(key, `a whole number from ${min} to ${max}${unit ? ` (${unit})` : ""}`);
    return null;
  }

  /** Whether the key asks for something: it is neither empty nor 0. */
  asks(key: string): boolean {
    const value = this.setting(key)?.value;
    if (!value) return false;
    if (value.kind === "list") return value.items.length > 0;
    return value.text !== "" && parseNumber(value.text) !== 0;
  }
}

/** Reads the whole text as C's strtol does with base 0. Returns null if it is no number. */
export function parseNumber(text: string): number | null {
  const [, sign, digits] = /^\s*([+-]?)(0x[0-9a-f]+|\d+)$/i.exec(text) ?? [];
  if (digits === undefined) return null;
  const isOctal = /^0\d/.test(digits);
  if (isOctal && /[89]/.test(digits)) return null;
  const magnitude = isOctal ? parseInt(digits, 8) : Number(digits);
  return magnitude < 2 ** 63 ? (sign === "-" ? -magnitude : magnitude) : null;
}
