import { useEffect, useState } from "react";
import type { GuestLook, OfferedGuest, OfferedGuests } from "../../core/api/schema.ts";
import { downloadOf, useDownloads } from "../state/downloads.ts";
import { isCancel, request, sentence } from "../state/session.ts";
import { show } from "../state/store.ts";
import { Dialog } from "../ui/Dialog.tsx";
import { sizeText } from "../ui/units.ts";
import { DownloadProgress } from "./DownloadProgress.tsx";
import { Unfinished } from "./Unfinished.tsx";
import { ROLE_WORDS, vouching } from "./words.ts";

/**
 * Offers the guests of the user's list. It shows what would be fetched and who vouches for it, and then fetches it. The host continues when the
 * dialog is closed.
 */
export function FetchGuest({ onClose }: { onClose: () => void }) {
  const [offered, setOffered] = useState<OfferedGuests | null>(null);
  const [chosen, setChosen] = useState<string | null>(null);
  const [fetching, setFetching] = useState(false);
  const [failure, setFailure] = useState<string | null>(null);
  const downloads = useDownloads((state) => state.downloads);
  useEffect(() => {
    let current = true;
    request("guestList", {}).then(
      (answer) => {
        if (!current) return;
        setOffered(answer);
        setChosen((before) => before ?? answer.guests[0]?.id ?? null);
      },
      (error: unknown) => current && setFailure(sentence(error)),
    );
    return () => {
      current = false;
    };
  }, []);
  const guest = offered?.guests.find(({ id }) => id === chosen);
  const running = (guest?.files ?? []).flatMap(({ url }) => {
    const download = downloadOf(downloads, url);
    return download?.isRunning ? [download] : [];
  });
  const start = async (): Promise<void> => {
    if (!guest) return;
    setFailure(null);
    setFetching(true);
    try {
      const { domid } = await request("guestFetch", { guest: guest.id });
      onClose();
      show({ page: "domain", domid, tab: "console" });
    } catch (error) {
      if (!isCancel(error)) setFailure(sentence(error));
    } finally {
      setFetching(false);
    }
  };
  return (
    <Dialog title="Get a guest from the web" onClose={onClose} wide>
      <form
        className="form fetch-guest"
        onSubmit={(event) => {
          event.preventDefault();
          if (guest && !fetching) void start();
        }}
      >
        {offered?.problem && (
          <p className="field-warning" role="status">
            {offered.problem}
          </p>
        )}
        <fieldset className="guest-choice" disabled={fetching}>
          <legend className="muted">Which one?</legend>
          {offered?.guests.map(({ id, name, description, memoryMiB }) => (
            <label key={id} className="guest">
              <input type="radio" name="guest" checked={id === chosen} onChange={() => setChosen(id)} />
              <span>
                <strong>{name}</strong> <span className="muted">{memoryMiB} MiB of memory</span>
                <span className="guest-description">{description}</span>
              </span>
            </label>
          ))}
        </fieldset>
        {guest && <GuestFiles key={guest.id} guest={guest} />}
        {running.map((each) => (
          <DownloadProgress key={each.id} download={each} />
        ))}
        {failure !== null && (
          <p className="field-error" role="alert">
            {failure}
          </p>
        )}
        {!fetching && (
          <Unfinished
            onResume={({ url, kind }) =>
              void request("downloadFetch", { url, kind }).catch((error: unknown) => setFailure(sentence(error)))
            }
          />
        )}
        <p className="field-hint">
          {offered?.file ? (
            <>
              These stand in <span className="mono">{offered.file}</span>, which is yours to edit.
            </>
          ) : null}
        </p>
        <footer className="dialog-footer">
          <button type="button" onClick={onClose}>
            {fetching ? "Go on without this window" : "Cancel"}
          </button>
          <button type="submit" className="primary" disabled={!guest || fetching} data-autofocus>
            {fetching ? "Fetching…" : "Fetch and start"}
          </button>
        </footer>
      </form>
    </Dialog>
  );
}

/** Shows what the servers say of the guest's files. They are asked when it is first shown. */
function GuestFiles({ guest }: { guest: OfferedGuest }) {
  const [look, setLook] = useState<GuestLook | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  useEffect(() => {
    let current = true;
    request("guestLook", { guest: guest.id }).then(
      (answer) => current && setLook(answer),
      (error: unknown) => current && setProblem(sentence(error)),
    );
    return () => {
      current = false;
    };
  }, []);
  return (
    <ul className="guest-files" aria-label={`What is fetched for ${guest.name}`} aria-busy={!look && problem === null}>
      {guest.files.map(({ role, url, bytes }, i) => {
        const file = look?.files[i];
        const size = file?.bytes ?? bytes;
        return (
          <li key={url}>
            <p>
              <strong>{ROLE_WORDS[role]}</strong>{" "}
              {size === null ? (look ? "of a size that its server does not say" : "") : sizeText(size)}
            </p>
            <p className="mono guest-url">{url}</p>
            {file && <p className="fetch-note">{vouching(file)}</p>}
            {file?.checksum && <p className="mono guest-sum">{file.checksum.hex}</p>}
            {(file?.problem ?? problem) && <p className="field-warning">{file?.problem ?? problem}</p>}
            {!look && problem === null && <p className="fetch-note">Asking its server…</p>}
          </li>
        );
      })}
    </ul>
  );
}
