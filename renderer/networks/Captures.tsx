import { Download, Square, Trash2 } from "lucide-react";
import type { ListedNetwork } from "../../core/api/schema.ts";
import { baseName } from "../create/devices.ts";
import { usePolled } from "../state/polled.ts";
import { ask } from "../state/store.ts";
import { useNetworkNames } from "./network-names.ts";
import { dateText } from "../ui/clock.ts";
import { sizeText } from "../ui/units.ts";
import { change, downloadCapture } from "./deeds.ts";

/** Lists the captures that run and those that the host keeps. */
export function Captures({ networks }: { networks: readonly ListedNetwork[] }) {
  const { value: kept, again } = usePolled("captures", {});
  const { nameOf } = useNetworkNames();
  const running = networks.flatMap((network) =>
    network.captures.map((capture) => ({ ...capture, network: nameOf(network) })),
  );
  const paths = new Set(running.map(({ file }) => file));
  const ended = (kept ?? []).filter(({ path }) => !paths.has(path));
  if (running.length + ended.length === 0) return null;
  return (
    <section className="card" aria-label="Captures">
      <header className="card-header">
        <h2>Captures</h2>
        <span className="muted">Files in pcap’s format, which Wireshark and tshark read.</span>
      </header>
      <ul className="network-lines">
        {running.map(({ file, port, network, bytes, frames, lost }) => (
          <li key={file}>
            <span className="capture-dot" aria-hidden />
            <span className="mono" title={file}>
              {baseName(file)}
            </span>
            <span className="muted">
              {port ?? `all of ${network}`}, {frames} frames, {sizeText(bytes)}
              {lost > 0 && `, ${lost} more were lost`}
            </span>
            <button
              type="button"
              aria-label={`Stop ${baseName(file)}`}
              onClick={() => void change("networkCaptureEnd", { file }, again)}
            >
              <Square size={13} aria-hidden /> Stop
            </button>
          </li>
        ))}
        {ended.map(({ name, path, bytes, at }) => (
          <li key={name}>
            <span className="mono" title={path}>
              {name}
            </span>
            <span className="muted">
              {sizeText(bytes)}, {dateText(at)}
            </span>
            <button type="button" aria-label={`Download ${name}`} onClick={() => void downloadCapture(name)}>
              <Download size={13} aria-hidden /> Download
            </button>
            <button
              type="button"
              aria-label={`Delete ${name}`}
              onClick={() =>
                ask({
                  title: `Delete ${name}?`,
                  text: `It goes to the bin, and can be put back for a day. Then ${sizeText(bytes)} of this computer’s disk will be free.`,
                  action: "Delete",
                  onConfirm: () => void change("captureRemove", { name }, again),
                })
              }
            >
              <Trash2 size={13} aria-hidden /> Delete…
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}
