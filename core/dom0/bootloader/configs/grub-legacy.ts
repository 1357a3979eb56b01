/** Reads menu.lst and grub.conf of GRUB 0.97: each line is a command, and an entry begins with each `title`. Partitions are counted from 0. */
import type { BootDisk, Place, Volume } from "../disk.ts";
import { checkCount, seconds, type BootMenu, type MenuEntry } from "./entry.ts";

interface Draft {
  title: string;
  root: Volume;
  kernel: { place: Place; cmdline: string } | null;
  initrds: Place[];
  modules: { place: Place; cmdline: string }[];
}

export function readGrubLegacy(disk: BootDisk, { volume }: Place, text: string): BootMenu {
  const drafts: Draft[] = [];
  let fallback: string | null = null;
  let timeout: number | null = null;
  for (const line of text.split("\n")) {
    // "default=0" and "default 0" are the same.
    const [, command, value = ""] = /^([a-z]+)(?:[ \t=]+(.*))?$/i.exec(line.trim()) ?? [];
    if (command === undefined) continue;
    const draft = drafts.at(-1);
    const file = (): { place: Place; cmdline: string } => {
      const [name = "", ...rest] = value.split(/\s+/).filter((word) => !word.startsWith("--"));
      return { place: disk.place(name, draft!.root, true), cmdline: rest.join(" ") };
    };
    switch (command.toLowerCase()) {
      case "default":
        // "saved" is the entry that was booted last, which is recorded outside the file.
        if (!draft) fallback = /^\d+$/.test(value) ? value : null;
        break;
      case "timeout":
        if (!draft) timeout = seconds(value);
        break;
      case "title":
        drafts.push({ title: value, root: volume, kernel: null, initrds: [], modules: [] });
        checkCount(drafts);
        break;
      case "root":
      case "rootnoverify":
        if (draft) draft.root = disk.named(value.replace(/^\(|\).*$/g, ""), true) ?? volume;
        break;
      case "uuid":
        if (draft) draft.root = disk.withUuid(value) ?? volume;
        break;
      case "kernel":
        if (draft) draft.kernel = file();
        break;
      case "initrd":
        if (draft) draft.initrds = [file().place];
        break;
      case "module":
        if (draft) draft.modules.push(file());
    }
  }
  return { source: "menu.lst", entries: drafts.map(entryOf), default: fallback, timeout };
}

/** If there are modules, the kernel is Xen and the first module is the kernel of its dom0, which is the one wanted. */
function entryOf({ title, kernel, initrds, modules }: Draft): MenuEntry {
  const [first, ...others] = modules;
  return {
    title,
    ids: [],
    children: null,
    kernel: first?.place ?? kernel?.place ?? null,
    initrds: first ? others.map(({ place }) => place) : initrds,
    cmdline: (first ?? kernel)?.cmdline ?? "",
  };
}
