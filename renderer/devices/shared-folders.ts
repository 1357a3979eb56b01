/** The folders that a domain shares, and files that are put into them. */
import { create } from "zustand";
import { ApiError } from "../../core/api/client.ts";
import { MOST_PIECE_BYTES, type DomainInfo } from "../../core/api/schema.ts";
import { isHeldElsewhere } from "../create/devices.ts";
import { plainName, readPiece } from "../create/read-file.ts";
import { say } from "../state/messages.ts";
import { isCancel, request, sentence } from "../state/session.ts";
import { ask } from "../state/store.ts";

export interface SharedFolder {
  domid: number;
  /** The name of its domain. */
  domain: string;
  id: string;
  tag: string;
}

/** Those whose backend is in dom0, which has the folder. */
export function sharedFoldersOf(domain: DomainInfo | null | undefined): SharedFolder[] {
  return (domain?.config?.devices ?? []).flatMap(({ kind, id, front, backend }) =>
    kind === "9pfs" && !isHeldElsewhere({ backend })
      ? [{ domid: domain!.domid, domain: domain!.name, id, tag: String(front.tag) }]
      : [],
  );
}

/** Files for one of several folders, about which a dialog asks. */
export const usePut = create<{ asked: { domid: number; files: readonly File[] } | null }>()(() => ({ asked: null }));

export function closePut(): void {
  usePut.setState({ asked: null });
}

/** Puts files into the domain's folder, after asking into which one if it shares several. */
export function giveToShared(domain: DomainInfo, files: readonly File[]): void {
  const folders = sharedFoldersOf(domain);
  if (folders.length === 1) void putFiles(folders[0]!, files, false);
  else if (folders.length > 1) usePut.setState({ asked: { domid: domain.domid, files } });
}

/** Returns a file's name in a form that a folder of any computer can have. */
export function nameInFolder(name: string): string {
  const plain = plainName(name)
    .replace(/[\\/:*?"<>|]/g, "-")
    .replace(/[. ]+$/, "");
  return plain || "file";
}

/**
 * Puts one file after the other there. A file that is refused is reported, and the others are put there. The host's tasks show how far each has come.
 * What is there already under its name is replaced only after the user was asked.
 */
export async function putFiles(folder: SharedFolder, files: readonly File[], replaces: boolean): Promise<void> {
  const { tag, domain } = folder;
  const there: File[] = [];
  for (const file of files) {
    const name = nameInFolder(file.name);
    try {
      await put(folder, file, name, replaces);
      say("info", `${name} is in ${tag} of ${domain}.`);
    } catch (error) {
      if (error instanceof ApiError && error.code === "EEXIST") there.push(file);
      else say(isCancel(error) ? "info" : "error", sentence(error));
    }
  }
  if (there.length === 0) return;
  const names = there.map(({ name }) => nameInFolder(name));
  ask({
    title: names.length === 1 ? `Replace ${names[0]} in ${tag}?` : `Replace ${names.length} files in ${tag}?`,
    text: `In ${tag} of ${domain} there ${names.length === 1 ? "is" : "are"} already: ${names.join(", ")}. What is there is lost then.`,
    action: "Replace",
    onConfirm: () => void putFiles(folder, there, true),
  });
}

async function put({ domid, id }: SharedFolder, file: File, name: string, replaces: boolean): Promise<void> {
  const { intake } = await request("sharedFileBegin", { domid, device: id, name, size: file.size, replaces });
  try {
    for (let offset = 0; offset < file.size; offset += MOST_PIECE_BYTES)
      await request("sharedFileChunk", {
        intake,
        offset,
        bytes: await readPiece(file, offset, offset + MOST_PIECE_BYTES),
      });
    await request("sharedFileEnd", { intake });
  } catch (error) {
    await request("sharedFileDrop", { intake }).catch(() => {});
    throw error;
  }
}
