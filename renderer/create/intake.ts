/** Files on their way to the host: sent in chunks, looked at by the host, told apart. */
import type { ImageDescription } from "../../core/api/schema.ts";
import { request } from "../state/session.ts";

const CHUNK = 512 * 1024;
const MOST_CONFIG_BYTES = 64 * 1024;

export interface TakenFile {
  name: string;
  size: number;
  /** The host's name for it. */
  id: string;
  description: ImageDescription;
}

export interface Taken {
  files: TakenFile[];
  /** Text of an xl.cfg that was among them. */
  config: { name: string; text: string } | null;
  /** A sentence for each file that is of no use. */
  refused: string[];
}

/** An xl.cfg is short text with a key and an equals sign. */
async function configText(file: File): Promise<string | null> {
  if (file.size > MOST_CONFIG_BYTES) return null;
  const text = await file.text();

  if (/[\0-\x08\x0e-\x1f]/.test(text)) return null;
  return /^\s*[A-Za-z_]\w*\s*=/m.test(text) ? text : null;
}

/** Sends a file; `progress` is called with the bytes sent. Stops with an AbortError when told to. */
export async function sendFile(file: File, progress: (sent: number) => void, signal: AbortSignal): Promise<TakenFile> {
  const { file: id } = await request("fileBegin", { name: file.name, size: file.size });
  try {
    for (let at = 0; at < file.size; at += CHUNK) {
      signal.throwIfAborted();
      const bytes = new Uint8Array(await file.slice(at, at + CHUNK).arrayBuffer());
      await request("fileChunk", { file: id, offset: at, bytes });
      progress(at + bytes.length);
    }
    const description = await request("fileInspect", { file: id });
    signal.throwIfAborted();
    return { name: file.name, size: file.size, id, description };
  } catch (error) {
    await request("fileRelease", { file: id }).catch(() => {});
    throw error;
  }
}

/** Takes dropped or chosen files in. */
export async function takeFiles(
  files: File[],
  progress: (fraction: number) => void,
  signal: AbortSignal,
): Promise<Taken> {
  const taken: Taken = { files: [], config: null, refused: [] };
  const total = Math.max(
    1,
    files.reduce((sum, { size }) => sum + size, 0),
  );
  let before = 0;
  for (const file of files) {
    const text = await configText(file);
    if (text !== null) taken.config = { name: file.name, text };
    else {
      const sent = await sendFile(file, (bytes) => progress((before + bytes) / total), signal);
      const { bootable, ramdisk, reason, summary } = sent.description;
      if (bootable || ramdisk) taken.files.push(sent);
      else {
        taken.refused.push(`${file.name}: ${reason ?? summary}`);
        await request("fileRelease", { file: sent.id }).catch(() => {});
      }
    }
    before += file.size;
    progress(before / total);
  }
  return taken;
}
