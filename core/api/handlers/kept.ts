/** Carries out requests about domains that are kept. */
import { parseXlConfig } from "../../toolstack/xlcfg.ts";
import { configOf, filesOf } from "../definition-facts.ts";
import type { KEPT_REQUESTS } from "../requests/kept.ts";
import type { HandlersOf } from "../requests/request.ts";
import { checkNamed, givenFiles, type SessionContext } from "./context.ts";

export function keptHandlers(session: SessionContext): HandlersOf<typeof KEPT_REQUESTS> {
  const { kept, library, snapshots, bin } = session.host;
  return {
    keptDomains: async () => {
      await library.open();
      return kept.all;
    },
    keptStart: ({ uuid, paused }) => kept.start(uuid, paused ?? false),
    keptConfig: ({ uuid }) => {
      const { config, configName, files } = library.get(uuid);
      return { config, configName, files: Object.keys(files) };
    },
    keptEdit: ({ uuid, config, files }) => {
      const before = library.get(uuid);
      const given = givenFiles(session, files);
      checkNamed(session, config, new Set([...Object.keys(given), ...Object.keys(before.files)]), {
        config: configOf(before),
        configName: before.configName,
      });
      return kept.edit(uuid, { config, files: given });
    },
    keptRename: async ({ uuid, name }) => {
      await kept.rename(uuid, name);
      return null;
    },
    keptSettings: async ({ uuid, autostart, template }) => {
      await kept.set(uuid, {
        ...(autostart !== undefined && { autostart }),
        ...(template !== undefined && { template }),
      });
      return null;
    },
    keptClone: async ({ uuid, name }) => {
      const wanted = new AbortController();
      const title = `Clone ${library.get(uuid).name} as ${name}`;
      const work = session.host.journal.begin(title, session.who, () => wanted.abort());
      try {
        const made = await kept.clone(uuid, name, (share) => work.progress(share), wanted.signal);
        work.end();
        return made;
      } catch (error) {
        work.end({ message: (error as Error).message, cancelled: wanted.signal.aborted });
        throw error;
      }
    },
    keptDelete: async ({ uuid }) => {
      await snapshots.checkDeletable(uuid);
      await kept.remove(uuid);
      await snapshots.moved(uuid);
      return null;
    },
    keptGoesWith: async ({ uuid }) => {
      library.get(uuid);
      return (await snapshots.goesWith([{ uuid }]))[0]!;
    },
    binList: async () => {
      const texts = new Map((await library.binned()).map(({ id, config }) => [id, config]));
      const entries = await library.bin();
      const all = await snapshots.goesWith(entries.map(({ id }) => ({ id })));
      return entries.map((entry, i) => {
        const { refused: _, bytes, ...goes } = all[i]!;
        const named = filesOf(parseXlConfig(texts.get(entry.id) ?? "").config);
        const files = named.filter((file) => !goes.images.includes(file));
        return { ...entry, ...goes, bytes: entry.bytes + bytes, files };
      });
    },
    binRestore: async ({ id }) => {
      const { uuid } = await bin.restore(id);
      return kept.all.find((each) => each.uuid === uuid)!;
    },
    binPurge: async ({ id }) => {
      await bin.purge(id ?? null);
      return null;
    },
  };
}
