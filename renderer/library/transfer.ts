/** Exports domains from the host's library into one file, and imports them. The host's tasks show how far each has come, and can end it. */
import { MOST_PIECE_BYTES } from "../../core/api/schema.ts";
import { plainName, readPiece } from "../create/read-file.ts";
import { say } from "../state/messages.ts";
import { isCancel, request, sentence } from "../state/session.ts";
import { download } from "../ui/download.ts";

/** The magic of tar, which OVA and XVA files have too. */
const MARK = "ustar";
const MARK_AT = 257;
const NAMES = /\.(ova|xva|tar)$/i;

/** Returns whether a file is an archive that may hold a domain. */
export async function isArchive(file: File): Promise<boolean> {
  if (NAMES.test(file.name)) return true;
  // A file that cannot be read, such as a folder, is reported by the code that takes it.
  const bytes = await readPiece(file, MARK_AT, MARK_AT + MARK.length).catch(() => new Uint8Array());
  return new TextDecoder("latin1").decode(bytes) === MARK;
}

/** Returns as much of a file as is needed to know what is in it. */
export function headOf(file: File): Promise<Uint8Array> {
  return readPiece(file, 0, MOST_PIECE_BYTES);
}

/** Saves the domain with its disks as a file of the user's. */
export async function exportDomain(uuid: string): Promise<void> {
  try {
    const { export: id, name } = await request("exportBegin", { domain: uuid });
    // Each piece is handed to the browser before the next arrives. The browser keeps large ones on disk.
    const pieces: Blob[] = [];
    for (;;) {
      const { bytes } = await request("exportRead", { export: id });
      if (bytes.length === 0) break;
      pieces.push(new Blob([bytes as Uint8Array<ArrayBuffer>]));
    }
    download(`${plainName(name).replace(/[/:*?<>|]/g, "-")}.xenarium.tar`, "application/x-tar", new Blob(pieces));
  } catch (error) {
    say(isCancel(error) ? "info" : "error", sentence(error));
  }
}

/** The domain is kept by the host from then on. Where it differs from what it was at its origin, the user is told. */
export async function importDomain(file: File, name: string): Promise<void> {
  try {
    const path = window.xenariumDesktop?.place(file) ?? (await giveArchive(file));
    const { name: called, notes } = await request("domainImport", { file: path, name });
    say("info", `${called} is in the library, halted. ${notes.join(" ")}`.trim());
  } catch (error) {
    say(isCancel(error) ? "info" : "error", sentence(error));
  }
}

async function giveArchive(file: File): Promise<string> {
  const { intake } = await request("importBegin", { name: plainName(file.name), size: file.size });
  try {
    for (let offset = 0; offset < file.size; offset += MOST_PIECE_BYTES) {
      const bytes = await readPiece(file, offset, offset + MOST_PIECE_BYTES);
      await request("importChunk", { intake, offset, bytes });
    }
    return (await request("importEnd", { intake })).path;
  } catch (error) {
    await request("importDrop", { intake }).catch(() => {});
    throw error;
  }
}
