import type { DownloadReport } from "../../core/api/schema.ts";
import { act } from "../state/session.ts";
import { amount } from "./words.ts";

/** Shows a running download, with a way to end it. */
export function DownloadProgress({ download }: { download: DownloadReport }) {
  const { id, name, done, total } = download;
  const label = `fetch-${id}`;
  return (
    <div className="progress">
      <label htmlFor={label}>
        Fetching <span className="mono">{name}</span>, {amount(download)}
      </label>
      <progress id={label} max={1} value={total === null ? undefined : done / Math.max(1, total)} />
      <button type="button" onClick={() => void act("downloadStop", { download: id })}>
        Stop
      </button>
    </div>
  );
}
