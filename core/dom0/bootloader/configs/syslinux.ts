/** Reads extlinux.conf, syslinux.cfg and isolinux.cfg. Case does not matter in their words; names are relative to the file's folder. */
import { readText, type Place } from "../disk.ts";
import { BootError } from "../error.ts";
import { checkCount, commandOf, MOST_CONFIG_BYTES, MOST_TEXT, type BootMenu, type MenuEntry } from "./entry.ts";

const MOST_INCLUDES = 16;

interface Draft {
  label: string;
  title: string | null;
  kernel: string | null;
  initrds: string[];
  append: string | null;
}

export async function readSyslinux(place: Place, text: string): Promise<BootMenu> {
  const reader = new Reader(place);
  await reader.read(text);
  return reader.menu();
}

class Reader {
  readonly #place: Place;
  readonly #folder: string;
  readonly #drafts: Draft[] = [];
  #default: string | null = null;
  #timeout: number | null = null;
  #append = "";
  #includes = 0;

  constructor(place: Place) {
    this.#place = place;
    this.#folder = place.path.replace(/[^/]*$/, "");
  }

  async read(text: string): Promise<void> {
    for (const line of text.split("\n")) {
      const [word, value] = commandOf(line) ?? ["#", ""];
      if (value.length > MOST_TEXT) throw new BootError("A line of the syslinux configuration is too long.");
      if (!word.startsWith("#")) await this.#line(word.toLowerCase(), value);
    }
  }

  async #line(word: string, value: string): Promise<void> {
    const draft = this.#drafts.at(-1);
    switch (word) {
      case "default":
      case "ontimeout":
        if (!draft && !/\.c32\b/.test(value)) this.#default = value.split(/\s+/)[0]!;
        break;
      case "timeout":
        // In tenths of seconds; 0 waits for ever.
        if (/^[1-9]\d{0,6}$/.test(value)) this.#timeout = Math.ceil(Number(value) / 10);
        break;
      case "label":
        this.#drafts.push({ label: value, title: null, kernel: null, initrds: [], append: null });
        checkCount(this.#drafts);
        break;
      case "menu":
        return this.#menuLine(value, draft);
      case "include":
        return this.#include(value);
      case "kernel":
      case "linux":
        if (draft) draft.kernel = value.split(/\s+/)[0]!;
        break;
      case "initrd":
        if (draft) draft.initrds = value.split(",").filter(Boolean);
        break;
      case "append":
        if (draft) draft.append = value === "-" ? "" : value;
        else this.#append = value;
    }
  }

  async #menuLine(value: string, draft: Draft | undefined): Promise<void> {
    const [, word, rest = ""] = /^(\S*)\s*(.*)$/.exec(value)!;
    switch (word!.toLowerCase()) {
      case "label":
        // ^ marks the key that chooses the entry.
        if (draft) draft.title = rest.replace("^", "");
        break;
      case "default":
        if (draft) this.#default = draft.label;
        break;
      case "include":
        return this.#include(rest);
    }
  }

  async #include(value: string): Promise<void> {
    const name = value.split(/\s+/)[0];
    if (!name || ++this.#includes > MOST_INCLUDES) return;
    const text = await readText(this.#file(name), MOST_CONFIG_BYTES);
    if (text !== null) await this.read(text);
  }

  #file(name: string): Place {
    return { volume: this.#place.volume, path: name.startsWith("/") ? name : this.#folder + name };
  }

  menu(): BootMenu {
    return {
      source: "syslinux",
      entries: this.#drafts.map((draft) => this.#entry(draft)),
      default: this.#default,
      timeout: this.#timeout,
    };
  }

  #entry({ label, title, kernel, initrds, append }: Draft): MenuEntry {
    const words = (append ?? this.#append).split(/\s+/).filter(Boolean);
    const inAppend = words.flatMap((word) => /^initrd=(.+)$/.exec(word)?.[1]?.split(",") ?? []);
    // Modules of syslinux itself, boot sectors and the like are no kernels.
    const isKernel = kernel !== null && !/\.(c32|com|cbt|bss|bin|img|0)$/i.test(kernel);
    return {
      title: title ?? label,
      ids: [label],
      children: null,
      kernel: isKernel ? this.#file(kernel) : null,
      initrds: (initrds.length > 0 ? initrds : inAppend).map((name) => this.#file(name)),
      cmdline: words.filter((word) => !word.startsWith("initrd=")).join(" "),
    };
  }
}
