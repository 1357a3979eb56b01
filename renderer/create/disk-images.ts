/**
 * Gives disk images to the host. If the desktop knows where the file lies, the host reads it there; otherwise it is sent in pieces and is never whole
 * in memory.
 */
import { useEffect, useState } from "react";
import { SNIFF_BYTES, sniffDisk, type SniffedDisk } from "../../core/api/device-text.ts";
import { MOST_PIECE_BYTES, type DiskReport } from "../../core/api/schema.ts";
import { useHostRuns } from "../state/live.ts";
import { request, sentence } from "../state/session.ts";
import { readPiece } from "./read-file.ts";

export interface TakenDisk {
  name: string;
  /** The path on the host's computer. */
  path: string;
  format: string;
  isCd: boolean;
}

/** Returns the kind of disk image that a file is, by its first bytes, or null if it is none. */
export async function diskIn(file: File, name: string): Promise<SniffedDisk | null> {
  return sniffDisk(await readPiece(file, 0, SNIFF_BYTES), name);
}

/** `progress` is called with the share that has been given, from 0 to 1. Rejects with the reason, or with an AbortError when it is told to stop. */
export async function takeDisk(
  file: File,
  name: string,
  { format, isCd }: SniffedDisk,
  progress: (done: number) => void,
  signal: AbortSignal,
): Promise<TakenDisk> {
  const place = window.xenariumDesktop?.place(file) ?? null;
  const path = place ?? (await giveDisk(file, name, progress, signal));
  return { name, path, format, isCd };
}

/** Gives the host a copy, which belongs to the host from then on, and returns its path. Rejects as takeDisk() does. */
export async function giveDisk(
  file: File,
  name: string,
  progress: (done: number) => void,
  signal: AbortSignal,
): Promise<string> {
  signal.throwIfAborted();
  const { intake } = await request("diskBegin", { name, size: file.size });
  try {
    for (let offset = 0; offset < file.size; offset += MOST_PIECE_BYTES) {
      signal.throwIfAborted();
      const bytes = await readPiece(file, offset, offset + MOST_PIECE_BYTES);
      await request("diskChunk", { intake, offset, bytes });
      progress((offset + bytes.length) / file.size);
    }
    return (await request("diskEnd", { intake })).path;
  } catch (error) {
    await request("diskDrop", { intake }).catch(() => {});
    throw error;
  }
}

/** Has the host make a qcow2 image of another one, which stays as it is. It is a task of the host, which shows how far it is. */
export async function convertDisk({ name, path }: Pick<TakenDisk, "name" | "path">): Promise<TakenDisk> {
  const stem = name.replace(/\.(vhd|vpc|vmdk)$/i, "") || "disk";
  const made = await request("imageCopy", { path, name: stem, format: "qcow2" });
  return { name: made.path.split(/[\\/]/).at(-1)!, path: made.path, format: "qcow2", isCd: false };
}

export type Looked = { report: DiskReport } | { problem: string } | null;

/** Returns what is on an image, or null while it is examined. The host is asked again when the path, the format or `again` changes. */
export function useDiskReport(path: string, format: string, again: unknown = null): Looked {
  const runs = useHostRuns();
  const [looked, setLooked] = useState<Looked>(null);
  useEffect(() => {
    setLooked(null);
    if (!path || !runs) return;
    let current = true;
    request("inspectDisk", { path, ...(format && { format }) }).then(
      (report) => current && setLooked({ report }),
      (error: unknown) => current && setLooked({ problem: sentence(error) }),
    );
    return () => {
      current = false;
    };
  }, [path, format, runs, again]);
  return looked;
}
