import type { DownloadReport } from "../../core/api/schema.ts";
import { useDownloads } from "../state/downloads.ts";
import { act } from "../state/session.ts";
import { amount, KIND_WORDS } from "./words.ts";

/** Lists downloads that have stopped half-way, to continue or to throw away. Shows nothing if there are none. */
export function Unfinished({ onResume }: { onResume: (download: DownloadReport) => void }) {
  const stopped = useDownloads(({ downloads }) => downloads).filter(({ isRunning }) => !isRunning);
  if (stopped.length === 0) return null;
  return (
    <section className="unfinished" aria-label="Stopped half-way">
      <h3>Stopped half-way</h3>
      <ul>
        {stopped.map((download) => (
          <li key={download.id}>
            <p>
              <span className="mono">{download.name}</span>{" "}
              <span className="muted">
                {KIND_WORDS[download.kind]}, {amount(download)}
              </span>
              {download.reason && <span className="fetch-note">{download.reason}</span>}
            </p>
            <button type="button" onClick={() => onResume(download)}>
              Go on
            </button>
            <button type="button" onClick={() => void act("downloadDiscard", { download: download.id })}>
              Throw away
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}
