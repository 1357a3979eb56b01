import { useState } from "react";
import type { Fetched } from "../../core/api/schema.ts";
import { kindOf } from "../../core/library/downloads/kind.ts";
import { downloadOf, useDownloads } from "../state/downloads.ts";
import { isCancel, request, sentence } from "../state/session.ts";
import { DownloadProgress } from "./DownloadProgress.tsx";
import { Unfinished } from "./Unfinished.tsx";
import { KIND_WORDS } from "./words.ts";

type Kind = keyof typeof KIND_WORDS;

/** Fetches a file by its address into the host's library, and gives it to the caller. The download continues when the form is gone. */
export function FromWeb({ onFetched }: { onFetched: (fetched: Fetched) => void }) {
  const [url, setUrl] = useState("");
  const [chosen, setChosen] = useState<Kind | null>(null);
  const [checksum, setChecksum] = useState("");
  const [failure, setFailure] = useState<string | null>(null);
  const downloads = useDownloads((state) => state.downloads);
  const address = url.trim();
  const kind =
    chosen ??
    kindOf(
      address
        .replace(/[?#].*/, "")
        .split("/")
        .at(-1)!,
    );
  const running = downloads.filter(({ isRunning }) => isRunning);
  const isBusy = downloadOf(running, address) !== undefined;
  // If the text is an address it is that of a list of checksums. Anything else is the checksum itself.
  const given = checksum.trim();
  const checks = /^https?:/i.test(given) ? { checksums: given } : given ? { checksum: given } : {};

  const fetchFile = async (args: Parameters<typeof request<"downloadFetch">>[1]): Promise<void> => {
    setFailure(null);
    try {
      onFetched(await request("downloadFetch", args));
    } catch (error) {
      if (!isCancel(error)) setFailure(sentence(error));
    }
  };
  const start = (): void => void fetchFile({ url: address, kind, ...checks });

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
      {address !== "" && given === "" && (
        <p className="fetch-note">
          {/^http:/i.test(address)
            ? "Not by https and without a checksum: nothing vouches for what comes."
            : "Without a checksum nothing vouches for what comes but https."}
        </p>
      )}
      {running.map((each) => (
        <DownloadProgress key={each.id} download={each} />
      ))}
      {failure !== null && (
        <p className="field-error" role="alert">
          {failure}
        </p>
      )}
      <Unfinished onResume={({ url: at, kind: of }) => void fetchFile({ url: at, kind: of })} />
    </fieldset>
  );
}
