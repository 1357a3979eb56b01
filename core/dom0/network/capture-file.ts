/** Captures of a network's traffic into new files, which the thread that has the network writes. */
import { createWriteStream } from "node:fs";
import { rm } from "node:fs/promises";
import { NetworkError, type CaptureSink, type Networks } from "./networks.ts";

/** How many bytes a capture may keep in memory when the disk is slow. Further frames are left out. */
const WAITING_BYTES = 16 << 20;

/** What is captured, and where to: `file` is a whole path; `port` is the one interface whose traffic is captured, null for all. */
export interface CaptureWanted {
  network: string;
  port: string | null;
  file: string;
}

/**
 * Rejects with NetworkError if there is no such network, or if the file exists already or can't be made; and with what `mustBeWanted` throws, which is
 * called when the capture is about to begin.
 */
export async function captureToFile(
  networks: Networks,
  { network, port, file }: CaptureWanted,
  mustBeWanted: () => void = () => {},
): Promise<void> {
  // The file is made before anything is captured, so that an error is reported at once.
  const sink = await fileSink(file);
  try {
    mustBeWanted();
    networks.startCapture(file, network, port, sink);
  } catch (error) {
    sink.close();
    // Whoever tries again may name the same file.
    await rm(file, { force: true }).catch(() => {});
    throw error;
  }
}

function fileSink(file: string): Promise<CaptureSink> {
  return new Promise((resolve, reject) => {
    const stream = createWriteStream(file, { flags: "wx", mode: 0o600 });
    stream.once("error", (error: NodeJS.ErrnoException) => {
      const why = error.code === "EEXIST" ? "there is a file of that name" : error.message;
      reject(new NetworkError(`${file} can't be made: ${why}.`, error.code ?? "EIO"));
    });
    stream.once("open", () => {
      stream.on("error", () => {});
      resolve({
        write: (bytes) => {
          const hasRoom = !stream.errored && stream.writableLength < WAITING_BYTES;
          if (hasRoom) stream.write(bytes);
          return hasRoom;
        },
        close: () => stream.end(),
      });
    });
  });
}
