/** Disk images on their way to the host: where they lie if the desktop says so, else in pieces, and never whole in memory. */
import { useEffect, useState } from "react";
import { SNIFF_BYTES, sniffDisk, type SniffedDisk } from "../../core/api/device-text.ts";
import { MOST_PIECE_BYTES, type DiskReport } from "../../core/api/schema.ts";
import { useHostRuns } from "../state/live.ts";
import { request, sentence } from "../state/session.ts";
import { readPiece } from "./read-file.ts";

export interface TakenDisk {
  name: string;
  /** On the host's computer. */
  path: string;
  format: string;
  isCd: boolean;
}

/** What disk image a file is, by its first bytes; null for what is none. */
export async function diskIn(file: File, name: string): Promise<SniffedDisk | null> {
  return sniffDisk(await readPiece(file, 0, SNIFF_BYTES), name);
}

/** Formats that the host opens. */
const OPENED = ["raw", "qcow2"];

/** `progress` hears how much has been given, 0 to 1. Rejects with the reason, or an AbortError when told to stop. */
export async function takeDisk(
  file: File,
  name: string,
  { format, isCd, summary }: SniffedDisk,
  progress: (done: number) => void,
  signal: AbortSignal,
): Promise<TakenDisk> {
  if (!OPENED.includes(format))
    throw new Error(
      `${name} is a ${summary}, which this host does not open: qemu-img convert -O qcow2 makes one it does.`,
    );
  const place = window.xenariumDesktop?.place(file) ?? null;
  const path = place ?? (await giveDisk(file, name, progress, signal));
  return { name, path, format, isCd };
}

/** A copy of it is the host's from then on: its path. Rejects as takeDisk() does. */
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

export type Looked = { report: DiskReport } | { problem: string } | null;

/** What is on an image; null while it is looked at. Asked for again when path or format change, or `again` does. */
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
