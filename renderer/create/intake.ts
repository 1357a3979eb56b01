/** Files on their way to the host: they are sent in chunks, examined by the host and sorted by kind. */
import { MOST_FILE_BYTES, MOST_SNIFF_BYTES, type ImageDescription } from "../../core/api/schema.ts";
import { diskIn, takeDisk, type TakenDisk } from "./disk-images.ts";
import { plainName, readPiece } from "./read-file.ts";
import { isCancel, request, sentence } from "../state/session.ts";

const CHUNK = 512 * 1024;
const MOST_CONFIG_BYTES = 64 * 1024;

export interface TakenFile {
  name: string;
  size: number;
  /** The host's name for the file. It is null for a file that the host keeps, which is named by its path. */
  id: string | null;
  description: ImageDescription;
}

/** Tells the host that uploaded files are no longer needed. Files that the host keeps in its library stay. */
export function releaseFiles(files: readonly Pick<TakenFile, "id">[]): void {
  for (const { id } of files) if (id !== null) void request("fileRelease", { file: id }).catch(() => {});
}

export interface Taken {
  files: TakenFile[];
  disks: TakenDisk[];
  /** The text of an xl.cfg that was among the files. */
  config: { name: string; text: string } | null;
  /** One sentence for each file that cannot be used. */
  refused: string[];
}

/** Called with the share that is done, from 0 to 1, or with null while the host examines what it has; and with the name of the file. */
export type Progress = (done: number | null, what: string) => void;

/** An xl.cfg is a short text with a key and an equals sign. */
async function configText(file: File): Promise<string | null> {
  if (file.size > MOST_CONFIG_BYTES) return null;
  const text = new TextDecoder().decode(await readPiece(file, 0, file.size));
  if (/[\0-\x08\x0e-\x1f]/.test(text)) return null;
  return /^\s*[A-Za-z_]\w*\s*=/m.test(text) ? text : null;
}

/** Rejects with the signal's reason as soon as the signal aborts, whatever becomes of `answer`. */
export function unlessAborted<T>(answer: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(signal.reason as Error);
    if (signal.aborted) stop();
    signal.addEventListener("abort", stop);
    answer.then(resolve, reject).finally(() => signal.removeEventListener("abort", stop));
  });
}

/**
 * Sends a file. `progress` is called with the number of bytes sent, and with null when all have been sent. Rejects with an AbortError when it is told
 * to stop.
 */
async function sendFile(file: File, progress: (sent: number | null) => void, signal: AbortSignal): Promise<TakenFile> {
  const name = plainName(file.name);
  if (file.size > MOST_FILE_BYTES) {
    const bytes = await readPiece(file, 0, MOST_SNIFF_BYTES);
    throw new Error((await request("fileSniff", { name, size: file.size, bytes })).refusal);
  }
  const { file: id } = await request("fileBegin", { name, size: file.size });
  try {
    for (let at = 0; at < file.size; at += CHUNK) {
      signal.throwIfAborted();
      const bytes = await readPiece(file, at, at + CHUNK);
      await request("fileChunk", { file: id, offset: at, bytes });
      progress(at + bytes.length);
    }
    progress(null);
    const description = await unlessAborted(request("fileInspect", { file: id }), signal);
    return { name, size: file.size, id, description };
  } catch (error) {
    await request("fileRelease", { file: id }).catch(() => {});
    throw error;
  }
}

/** Takes dropped or chosen files in. What is wrong with a file is reported for that file, and the others are taken. */
export async function takeFiles(files: File[], progress: Progress, signal: AbortSignal): Promise<Taken> {
  const taken: Taken = { files: [], disks: [], config: null, refused: [] };
  const total = Math.max(
    1,
    files.reduce((sum, { size }) => sum + size, 0),
  );
  let before = 0;
  try {
    for (const file of files) {
      await take(file, plainName(file.name));
      before += file.size;
    }
  } catch (error) {
    releaseFiles(taken.files);
    throw error;
  }
  return taken;

  async function take(file: File, name: string): Promise<void> {
    const tell = (sent: number | null): void => progress(sent === null ? null : (before + sent) / total, name);
    let sent: TakenFile;
    try {
      const text = await configText(file);
      if (text !== null) {
        taken.config = { name, text };
        return;
      }
      const disk = await diskIn(file, name);
      if (disk) {
        taken.disks.push(await takeDisk(file, name, disk, (done) => tell(done * file.size), signal));
        return;
      }
      sent = await sendFile(file, tell, signal);
    } catch (error) {
      if (signal.aborted || isCancel(error)) throw error;
      taken.refused.push(sentence(error));
      return;
    }
    const { bootable, ramdisk, reason, summary } = sent.description;
    if (bootable || ramdisk) {
      taken.files.push(sent);
      return;
    }
    taken.refused.push(`${name}: ${reason ?? summary}`);
    releaseFiles([sent]);
  }
}
