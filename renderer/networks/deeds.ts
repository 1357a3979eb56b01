/** What buttons do to networks. A refusal is shown. */
import type { Arguments, RequestName } from "../../core/api/schema.ts";
import { act, request, sentence } from "../state/session.ts";
import { toast } from "../state/store.ts";
import { download } from "../ui/download.ts";

/** Sends the request, then has the view look again. */
export async function change<N extends RequestName>(
  name: N,
  args: Arguments<N>,
  again: () => Promise<void>,
): Promise<void> {
  await act(name, args);
  await again();
}

/** Saves a capture that the host keeps as a file of the user's. */
export async function downloadCapture(name: string): Promise<void> {
  try {
    const pieces: Uint8Array<ArrayBuffer>[] = [];
    for (let offset = 0; ;) {
      const { bytes } = await request("captureRead", { name, offset });
      if (bytes.length === 0) break;
      pieces.push(bytes as Uint8Array<ArrayBuffer>);
      offset += bytes.length;
    }
    download(name, "application/vnd.tcpdump.pcap", new Blob(pieces));
  } catch (error) {
    toast("error", sentence(error));
  }
}
