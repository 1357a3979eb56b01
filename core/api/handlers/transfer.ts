/** Carries out requests about domains in one file. */
import path from "node:path";
import type { TRANSFER_REQUESTS } from "../requests/transfer.ts";
import type { HandlersOf } from "../requests/request.ts";
import { namedFile, type SessionContext } from "./context.ts";

export function transferHandlers(session: SessionContext): HandlersOf<typeof TRANSFER_REQUESTS> {
  const { transfers } = session.host;
  return {
    domainExport: ({ domain, file }) => transfers.export(domain, path.resolve(namedFile(session, file)), session.who),
    domainImport: ({ file, name }) =>
      transfers.import(path.resolve(namedFile(session, file)), name ?? null, session.who),
  };
}
