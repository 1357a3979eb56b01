import { useEffect, useState } from "react";
import type { OfferedGuest, OfferedGuests } from "../../core/api/schema.ts";
import { downloadOf, useDownloads } from "../state/downloads.ts";
import { isCancel, request, sentence } from "../state/session.ts";
import { show } from "../state/store.ts";
import { Dialog } from "../ui/Dialog.tsx";
import { DownloadProgress } from "./DownloadProgress.tsx";
import { GuestFiles } from "./GuestFiles.tsx";
import { Unfinished } from "./Unfinished.tsx";
import { FormFooter } from "../ui/FormDialog.tsx";
import { Refusal } from "../ui/Refusal.tsx";

/**
 * Offers the guests of the user's list. It shows what would be fetched and who vouches for it, and then fetches it. The host continues when the
 * dialog is closed.
 */
export function FetchGuest({ onClose }: { onClose: () => void }) {
  const [chosen, setChosen] = useState<string | null>(null);
  const [fetching, setFetching] = useState(false);
  const [failure, setFailure] = useState<string | null>(null);
  const downloads = useDownloads((state) => state.downloads);
  const offered = useOffered(setFailure);
  const guest = offered?.guests.find(({ id }) => id === chosen) ?? offered?.guests[0];
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
        <GuestChoice guests={offered?.guests ?? []} chosen={guest?.id} isDisabled={fetching} onChoose={setChosen} />
        {guest && <GuestFiles key={guest.id} guest={guest} />}
        {running.map((each) => (
          <DownloadProgress key={each.id} download={each} />
        ))}
        <Refusal text={failure} />
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
        <FormFooter
          cancel={fetching ? "Go on without this window" : "Cancel"}
          action={fetching ? "Fetching…" : "Fetch and start"}
          isDisabled={!guest || fetching}
          onClose={onClose}
        />
      </form>
    </Dialog>
  );
}

/** The user's list, asked for once; null until it has come. */
function useOffered(onFailure: (text: string) => void): OfferedGuests | null {
  const [offered, setOffered] = useState<OfferedGuests | null>(null);
  useEffect(() => {
    let current = true;
    request("guestList", {}).then(
      (answer) => current && setOffered(answer),
      (error: unknown) => current && onFailure(sentence(error)),
    );
    return () => {
      current = false;
    };
  }, []);
  return offered;
}

function GuestChoice({
  guests,
  chosen,
  isDisabled,
  onChoose,
}: {
  guests: readonly OfferedGuest[];
  chosen: string | undefined;
  isDisabled: boolean;
  onChoose: (id: string) => void;
}) {
  return (
    <fieldset className="guest-choice" disabled={isDisabled}>
      <legend className="muted">Which one?</legend>
      {guests.map(({ id, name, description, memoryMiB }) => (
        <label key={id} className="guest">
          <input type="radio" name="guest" checked={id === chosen} onChange={() => onChoose(id)} />
          <span>
            <strong>{name}</strong> <span className="muted">{memoryMiB} MiB of memory</span>
            <span className="guest-description">{description}</span>
          </span>
        </label>
      ))}
    </fieldset>
  );
}
