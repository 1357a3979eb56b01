import { useState } from "react";
import type { Fetched } from "../../core/api/schema.ts";
import { kindOf } from "../../core/library/downloads/kind.ts";
import { downloadOf, useDownloads } from "../state/downloads.ts";
import { isCancel, request, sentence } from "../state/session.ts";
import { DownloadProgress } from "./DownloadProgress.tsx";
import { Unfinished } from "./Unfinished.tsx";
import { checksOf, fileNameOf, KIND_WORDS, unvouched } from "./words.ts";
import { Refusal } from "../ui/Refusal.tsx";

type Kind = keyof typeof KIND_WORDS;

/** Fetches a file by its address into the host's library, and gives it to the caller. The download continues when the form is gone. */
export function FromWeb({ onFetched }: { onFetched: (fetched: Fetched) => void }) {
  const [url, setUrl] = useState("");
  const [chosen, setChosen] = useState<Kind | null>(null);
  const [checksum, setChecksum] = useState("");
  const [failure, setFailure] = useState<string | null>(null);
  const downloads = useDownloads((state) => state.downloads);
  const address = url.trim();
  const kind = chosen ?? kindOf(fileNameOf(address));
  const running = downloads.filter(({ isRunning }) => isRunning);
  const isBusy = downloadOf(running, address) !== undefined;

  const fetchFile = async (args: Parameters<typeof request<"downloadFetch">>[1]): Promise<void> => {
    setFailure(null);
    try {
      onFetched(await request("downloadFetch", args));
    } catch (error) {
      if (!isCancel(error)) setFailure(sentence(error));
    }
  };
  const start = (): void => void fetchFile({ url: address, kind, ...checksOf(checksum) });

  return (
    <fieldset
      className="from-web"
      onKeyDown={(event) => {
        if (event.key !== "Enter" || !(event.target instanceof HTMLInputElement)) return;
        // The event must not reach the dialog's Create button.
        event.preventDefault();
        if (address && !isBusy) start();
      }}
    >
      <legend>From the web</legend>
      <div className="from-web-line">
        <label>
          Address
          <input
            className="mono"
            type="url"
            autoFocus
            spellCheck={false}
            placeholder="https://example.org/disk.qcow2"
            value={url}
            onChange={({ target }) => setUrl(target.value)}
          />
        </label>
        <label>
          It is a
          <select value={kind} onChange={({ target }) => setChosen(target.value as Kind)}>
            {Object.entries(KIND_WORDS).map(([value, words]) => (
              <option key={value} value={value}>
                {words}
              </option>
            ))}
          </select>
        </label>
      </div>
      <div className="from-web-line">
        <label>
          Checksum, if you have one
          <input
            className="mono"
            spellCheck={false}
            placeholder="SHA-256, SHA-512, or the address of a SHA256SUMS"
            value={checksum}
            onChange={({ target }) => setChecksum(target.value)}
          />
        </label>
        <button type="button" disabled={!address || isBusy} onClick={start}>
          Fetch
        </button>
      </div>
      {address !== "" && checksum.trim() === "" && <p className="fetch-note">{unvouched(address)}</p>}
      {running.map((each) => (
        <DownloadProgress key={each.id} download={each} />
      ))}
      <Refusal text={failure} />
      <Unfinished onResume={({ url: at, kind: of }) => void fetchFile({ url: at, kind: of })} />
    </fieldset>
  );
}
