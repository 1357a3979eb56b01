/** Runs grub.cfg as GRUB 2 does, as far as it decides what is booted: entries, variables, conditions, search, other files. */
import { exists, readText, type BootDisk, type Place, type Volume } from "../disk.ts";
import { BootError } from "../error.ts";
import { blsEntries } from "./bls.ts";
import { checkCount, MOST_CONFIG_BYTES, MOST_TEXT, seconds, type BootMenu, type MenuEntry } from "./entry.ts";
import { readEnvironment } from "./grubenv.ts";
import { parseScript, type Command, type Statement, type Word } from "./grub-script.ts";

/** The most steps: commands, their words, and turns of loops. */
const MOST_STEPS = 200_000;
/** Number of steps before others have their turn. */
const STEPS_PER_TURN = 2000;
const MOST_VARIABLES = 2000;
const MOST_INITRDS = 64;
const MOST_FILES = 16;
const MOST_SUBMENUS = 8;
/**
 * Commands that fail, because GRUB's own do where there is nothing of what they ask for: nobody holds a key (keystatus), the CPU has no such feature
 * (cpuid), there is no other boot loader to start (chainloader). All other commands that are not known here, such
 * as insmod, do nothing and succeed.
 */
const FAILS = new Set(["false", "chainloader", "keystatus", "cpuid"]);

type Variables = Map<string, string>;

/** A menu, and the variables with which its entries are run. */
interface Pending {
  entries: MenuEntry[];
}

interface Kernel {
  kernel: Place | null;
  initrds: Place[];
  cmdline: string;
  /** The modules of a multiboot kernel (Xen): the first is dom0's kernel, the others are its RAM disks. */
  modules: { place: Place; cmdline: string }[];
}

/** Throws BootError. */
export async function readGrub(disk: BootDisk, place: Place, text: string): Promise<BootMenu> {
  return new GrubScript(disk, place).run(text);
}

class GrubScript {
  readonly #disk: BootDisk;
  readonly #place: Place;
  #steps = 0;
  #turnBegan = 0;
  #files = 0;
  /** Set by `configfile`: the menu that it shows replaces everything before. */
  #menu: Pending = { entries: [] };

  constructor(disk: BootDisk, place: Place) {
    this.#disk = disk;
    this.#place = place;
  }

  async run(text: string): Promise<BootMenu> {
    const variables: Variables = new Map(Object.entries(FEATURES));
    const { volume, path } = this.#place;
    variables.set("root", deviceName(volume));
    variables.set("prefix", `(${deviceName(volume)})${path.replace(/\/[^/]*$/, "")}`);
    variables.set("config_directory", variables.get("prefix")!);
    variables.set("config_file", `(${deviceName(volume)})${path}`);
    await this.#all(parseScript(text), variables, null, 0);
    return {
      source: "grub.cfg",
      entries: this.#menu.entries,
      default: variables.get("default") || null,
      timeout: seconds(variables.get("timeout")),
    };
  }

  /** Returns the outcome of the last statement. `kernel` is that of the entry that is run; null outside one. */
  async #all(
    statements: readonly Statement[],
    variables: Variables,
    kernel: Kernel | null,
    depth: number,
  ): Promise<boolean> {
    let outcome = true;
    for (const statement of statements) {
      await this.#spend(1);
      switch (statement.kind) {
        case "command":
          outcome = await this.#command(statement.command, variables, kernel, depth);
          break;
        case "for":
          for (const word of expandAll(statement.words, variables)) {
            await this.#spend(1);
            set(variables, statement.variable, word);
            await this.#all(statement.body, variables, kernel, depth);
          }
          break;
        case "if": {
          let body = statement.otherwise;
          for (const branch of statement.branches)
            if (await this.#all(branch.condition, variables, null, depth)) {
              body = branch.body;
              break;
            }
          outcome = await this.#all(body, variables, kernel, depth);
        }
      }
    }
    return outcome;
  }

  async #command(command: Command, variables: Variables, kernel: Kernel | null, depth: number): Promise<boolean> {
    const words = expandAll(command.words, variables);
    await this.#spend(words.length + variables.size / 100);
    const [name, ...given] = words;
    const assigned = name === undefined ? null : /^([A-Za-z_]\w*)=(.*)$/s.exec(name);
    if (assigned) {
      set(variables, assigned[1]!, assigned[2]!);
      return true;
    }
    switch (name) {
      case "set":
      case "export": {
        const pair = /^(\w+)=(.*)$/s.exec(given[0] ?? "");
        if (pair) set(variables, pair[1]!, pair[2]!);
        return true;
      }
      case "unset":
        return variables.delete(given[0] ?? "") || true;
      case "menuentry":
      case "submenu":
        return this.#entry(name, given, command.block ?? [], variables, depth);
      case "{":
        return this.#all(command.block ?? [], variables, kernel, depth);
      case "!":
        return !(await this.#test(given, variables));
      case "[":
      case "test":
        return this.#test(name === "[" ? given.slice(0, -1) : given, variables);
      case "load_env":
        return this.#loadEnvironment(given, variables);
      case "search":
      case "search.fs_uuid":
      case "search.fs_label":
      case "search.file":
        return this.#search(name, given, variables);
      case "configfile":
      case "source":
      case ".":
      case "normal":
        return this.#other(name, given[0], variables, depth);
      case "blscfg":
        return this.#loaderEntries(variables);
    }
    if (kernel && name !== undefined) this.#load(name, given, variables, kernel);
    return name !== undefined && !FAILS.has(name);
  }

  /** The body is run at once, with a copy of the variables, so that they have the values of this place. */
  async #entry(
    command: "menuentry" | "submenu",
    given: readonly string[],
    body: readonly Statement[],
    variables: Variables,
    depth: number,
  ): Promise<boolean> {
    const { title, id } = entryNames(given);
    const own: Variables = new Map(variables);
    const kernel: Kernel = { kernel: null, initrds: [], cmdline: "", modules: [] };
    const outer = this.#menu;
    let children: MenuEntry[] | null = null;
    if (command === "submenu") {
      if (depth >= MOST_SUBMENUS) throw new BootError(`grub.cfg has submenus more than ${MOST_SUBMENUS} deep.`);
      this.#menu = { entries: [] };
      await this.#all(body, own, null, depth + 1);
      children = this.#menu.entries;
      this.#menu = outer;
    } else await this.#all(body, own, kernel, depth);
    const [first, ...others] = kernel.modules;
    const entry: MenuEntry = {
      title,
      ids: id === null ? [] : [id],
      children,
      kernel: first?.place ?? kernel.kernel,
      initrds: first ? others.map(({ place }) => place) : kernel.initrds,
      cmdline: first?.cmdline ?? kernel.cmdline,
    };
    outer.entries.push(entry);
    checkCount(outer.entries);
    return true;
  }

  #load(name: string, given: readonly string[], variables: Variables, kernel: Kernel): void {
    const place = (path: string): Place => this.#file(path, variables);
    const options = given.filter((word) => !/^--(nounzip|type=.*)$/.test(word));
    if (/^(linux|linux16|linuxefi|xen_linux|kernel)$/.test(name) && options[0] !== undefined) {
      kernel.kernel = place(options[0]);
      kernel.cmdline = joined(options.slice(1));
    } else if (/^(initrd|initrd16|initrdefi|xen_initrd)$/.test(name))
      kernel.initrds = options
        .filter((word) => !word.startsWith("--"))
        .slice(0, MOST_INITRDS)
        .map(place);
    else if (/^(module|module2|xen_module)$/.test(name) && options[0] !== undefined)
      kernel.modules.push({
        place: place(options[0]),
        cmdline: joined(options.slice(1).filter((word) => word !== "placeholder")),
      });
  }

  #file(name: string, variables: Variables): Place {
    const root = this.#disk.named(variables.get("root") ?? "") ?? this.#place.volume;
    return this.#disk.place(name, root);
  }

  async #search(name: string, given: readonly string[], variables: Variables): Promise<boolean> {
    let what = name.split(".")[1] ?? "file";
    let variable = "root";
    const rest: string[] = [];
    for (let i = 0; i < given.length; i++) {
      const word = given[i]!;
      const [option, value] = word.split("=", 2);
      if (option === "--fs-uuid" || word === "-u") what = "fs_uuid";
      else if (option === "--label" || word === "-l" || word === "--fs-label") what = "fs_label";
      else if (option === "--file" || word === "-f") what = "file";
      else if (option === "--set") variable = value ?? "root";
      else if (word === "-s") variable = given[++i] ?? "root";
      else if (word === "--hint" || word === "-h") i++;
      else if (!word.startsWith("-")) rest.push(word);
    }
    const [wanted, into] = rest;
    if (wanted === undefined) return false;
    if (name !== "search" && into !== undefined) variable = into;
    const volume =
      what === "fs_uuid"
        ? this.#disk.withUuid(wanted)
        : what === "fs_label"
          ? this.#disk.withLabel(wanted)
          : await this.#disk.withFile(wanted);
    if (volume) set(variables, variable, deviceName(volume));
    return volume !== null;
  }

  async #loadEnvironment(given: readonly string[], variables: Variables): Promise<boolean> {
    const option = given.findIndex((word) => word === "-f" || word === "--file");
    const named = given.find((word) => word.startsWith("--file="))?.slice(7);
    const name = named ?? (option >= 0 ? given[option + 1] : undefined) ?? `${variables.get("prefix")}/grubenv`;
    const text = await readText(this.#file(name, variables), MOST_CONFIG_BYTES);
    if (text === null) return false;
    const only = new Set(given.filter((word, i) => !word.startsWith("-") && i !== option + 1));
    for (const [key, value] of readEnvironment(text)) if (only.size === 0 || only.has(key)) set(variables, key, value);
    return true;
  }

  async #other(command: string, name: string | undefined, variables: Variables, depth: number): Promise<boolean> {
    const file = name ?? `${variables.get("prefix")}/grub.cfg`;
    const place = this.#file(file, variables);
    if (this.#files >= MOST_FILES || depth >= MOST_SUBMENUS) return false;
    const text = await readText(place, MOST_CONFIG_BYTES);
    if (text === null) return false;
    this.#files++;
    if (command !== "source" && command !== ".") {
      this.#menu.entries.length = 0;
      variables.set("config_directory", file.replace(/\/[^/]*$/, ""));
    }
    await this.#all(parseScript(text), variables, null, depth + 1);
    return true;
  }

  /** A script from a disk may be made to keep us busy. It is ended after so many steps, and others have their turn meanwhile. */
  async #spend(steps: number): Promise<void> {
    this.#steps += steps;
    if (this.#steps > MOST_STEPS) throw new BootError("grub.cfg comes to no end.");
    if (this.#steps - this.#turnBegan < STEPS_PER_TURN) return;
    this.#turnBegan = this.#steps;
    await new Promise(setImmediate);
  }

  async #loaderEntries(variables: Variables): Promise<boolean> {
    const volume = this.#disk.named(variables.get("root") ?? "") ?? this.#place.volume;
    for (const path of ["/loader/entries", "/boot/loader/entries"]) {
      const found = await blsEntries({ volume, path }, (name) => variables.get(name) ?? "");
      this.#menu.entries.push(...found);
      checkCount(this.#menu.entries);
      if (found.length > 0) return true;
    }
    return false;
  }

  async #test(words: readonly string[], variables: Variables): Promise<boolean> {
    for (const all of split(words, "-o")) {
      let holds = true;
      for (const one of split(all, "-a")) holds &&= await this.#holds(one, variables);
      if (holds) return true;
    }
    return false;
  }

  /** Evaluates one comparison, with any number of "!" before it. */
  async #holds(all: readonly string[], variables: Variables): Promise<boolean> {
    const first = all.findIndex((word) => word !== "!");
    const not = first < 0 ? all.length : first;
    return (not % 2 === 1) !== (await this.#compares(all.slice(not), variables));
  }

  async #compares(words: readonly string[], variables: Variables): Promise<boolean> {
    if (words.length <= 1) return (words[0] ?? "") !== "";
    const [a, b, c] = words as [string, string, string?];
    if (c === undefined) {
      if (a === "-n") return b !== "";
      if (a === "-z") return b === "";
      const kind = { "-f": "file", "-s": "file", "-d": "directory", "-e": "any" }[a];
      return kind !== undefined && exists(this.#file(b, variables), kind as "file" | "directory" | "any");
    }
    switch (b) {
      case "=":
      case "==":
        return a === c;
      case "!=":
        return a !== c;
      case "-eq":
        return Number(a) === Number(c);
      case "-ne":
        return Number(a) !== Number(c);
      case "-lt":
        return Number(a) < Number(c);
      case "-le":
        return Number(a) <= Number(c);
      case "-gt":
        return Number(a) > Number(c);
      case "-ge":
        return Number(a) >= Number(c);
    }
    return false;
  }
}

/** The variables that a GRUB for Xen has set when its configuration begins. */
const FEATURES: Record<string, string> = {
  grub_platform: "xen",
  grub_cpu: "x86_64",
  feature_menuentry_id: "y",
  feature_menuentry_options: "y",
  feature_timeout_style: "y",
  feature_default_font_path: "y",
  feature_platform_search_hint: "y",
  feature_all_video_module: "y",
  feature_chainloader_bpb: "y",
  feature_ntldr: "y",
  feature_nativedisk_cmd: "y",
  feature_200_final: "y",
};

function deviceName({ partition }: Volume): string {
  return partition === 0 ? "hd0" : `hd0,${partition}`;
}

/** Options of menuentry and submenu may stand before or after the title. */
function entryNames(given: readonly string[]): { title: string; id: string | null } {
  let title: string | null = null;
  let id: string | null = null;
  for (let i = 0; i < given.length; i++) {
    const word = given[i]!;
    if (/^--(class|users|hotkey|source)$/.test(word)) i++;
    else if (word === "--id" || word === "$menuentry_id_option") id = given[++i] ?? null;
    else if (word.startsWith("--id=")) id = word.slice(5);
    else if (!word.startsWith("--")) title ??= word;
  }
  return { title: title ?? "", id };
}

/** A word with spaces in it was quoted, and the kernel has to see it quoted. */
function joined(words: readonly string[]): string {
  return words.map((word) => (/\s/.test(word) ? `"${word.replace(/["\\]/g, "\\$&")}"` : word)).join(" ");
}

function set(variables: Variables, name: string, value: string): void {
  variables.set(name, value);
  if (variables.size > MOST_VARIABLES) throw new BootError(`grub.cfg has more than ${MOST_VARIABLES} variables.`);
}

function split(words: readonly string[], between: string): string[][] {
  const parts: string[][] = [[]];
  for (const word of words)
    if (word === between) parts.push([]);
    else parts.at(-1)!.push(word);
  return parts;
}

/** Throws as soon as the text is longer than a command may be, because a variable may occur in it a hundred thousand times. */
function expandAll(words: readonly Word[], variables: Variables): string[] {
  const expanded: string[] = [];
  let left = MOST_TEXT;
  for (const word of words) {
    let current: string | null = null;
    for (const { text, isVariable, isQuoted } of word) {
      const value = isVariable ? (variables.get(text) ?? "") : text;
      left -= value.length;
      if (left < 0) throw new BootError("A command of grub.cfg is too long.");
      if (!isVariable || isQuoted) {
        current = (current ?? "") + value;
        continue;
      }
      if (value === "") continue;
      value.split(/\s+/).forEach((part, i) => {
        if (i > 0 && current !== null) {
          expanded.push(current);
          current = null;
        }
        if (part !== "") current = (current ?? "") + part;
      });
    }
    if (current !== null) expanded.push(current);
  }
  return expanded;
}
