/** Carries out requests about domains in a single file. */
import { rm } from "node:fs/promises";
import path from "node:path";
import { FileIntake } from "../file-intake.ts";
import { Outgoing } from "../outgoing.ts";
import type { TRANSFER_REQUESTS } from "../requests/transfer.ts";
import type { HandlersOf } from "../requests/request.ts";
import { namedFile, type SessionContext } from "./context.ts";

export function transferHandlers(session: SessionContext): HandlersOf<typeof TRANSFER_REQUESTS> {
  const { transfers, journal } = session.host;
  const who = () => session.who;
  const outgoing = new Outgoing(transfers, who);
  const intake = new FileIntake(journal, who);
  /** Files that this session has given and that were not used yet. */
  const given = new Set<string>();
  let isOver = false;
  const forget = (file: string): Promise<void> => rm(file, { force: true }).catch(() => {});
  session.onEnd(() => {
    isOver = true;
    outgoing.end();
    intake.end();
    for (const file of given) void forget(file);
  });
  return {
    domainExport: ({ domain, file }) => transfers.export(domain, path.resolve(namedFile(session, file)), session.who),
    exportBegin: ({ domain }) => outgoing.begin(domain),
    exportRead: async ({ export: id }) => ({ bytes: await outgoing.read(id) }),
    exportDrop: ({ export: id }) => {
      outgoing.drop(id);
      return null;
    },
    importLook: ({ name, head }) => transfers.look(name, head),
    importBegin: async ({ name, size }) => {
      await transfers.ready;
      return intake.begin(`Take the file ${name}`, () => transfers.incoming.begin(name, size));
    },
    importChunk: async ({ intake: id, offset, bytes }) => {
      await intake.chunk(id, offset, bytes);
      return null;
    },
    importEnd: async ({ intake: id }) => {
      const file = await intake.finish(id);
      if (isOver) await forget(file.path);
      else given.add(file.path);
      return file;
    },
    importDrop: async ({ intake: id }) => {
      await intake.drop(id);
      return null;
    },
    domainImport: async ({ file, name }) => {
      // It belongs to the import from now on, which goes on when the session ends.
      const isGiven = given.delete(file);
      const wanted = isGiven ? file : path.resolve(file);
      if (!isGiven) session.hostFiles.check(wanted);
      try {
        return await transfers.import(wanted, name ?? null, session.who);
      } finally {
        if (isGiven) await forget(wanted);
      }
    },
  };
}
