import { useEffect, useRef, useState, type KeyboardEvent } from "react";
import { ApiError } from "../../core/api/client.ts";
import { startBothWays } from "../both-ways/run.ts";
import { startsBothWays } from "../both-ways/twice.ts";
import { FromWeb } from "../fetch/FromWeb.tsx";
import { say } from "../state/messages.ts";
import { sentence } from "../state/session.ts";
import { show } from "../state/store.ts";
import { Dialog } from "../ui/Dialog.tsx";
import { useIsOpen } from "../ui/FormDialog.tsx";
import { createUntil } from "./cancellable.ts";
import type { Finding } from "./checks.ts";
import { Choice } from "./Choice.tsx";
import { idOf } from "./Field.tsx";
import { hasContent } from "./fields.ts";
import { Halves } from "./Halves.tsx";
import { IntakeState } from "./IntakeState.tsx";
import { Sources } from "./Sources.tsx";
import { useDraft, type Draft } from "./useDraft.ts";
import { useIntake } from "./useIntake.ts";

/** Waits until the controls are drawn with what is wrong with them. */
function focusWrong(): void {
  setTimeout(() => document.querySelector<HTMLElement>('.create [aria-invalid="true"]')?.focus(), 0);
}

const filesOf = ({ files }: Draft): Record<string, string> =>
  Object.fromEntries(files.flatMap(({ name, id }) => (id === null ? [] : [[name, id]])));

/** What one of the dialog's buttons makes of the draft. */
interface Making {
  make: (draft: Draft, signal: AbortSignal) => Promise<void>;
  /** Whether it can be made although the host makes that field's value impossible. */
  allows: (field: Finding["field"]) => boolean;
}

/** Creates the domain, and shows its console. */
async function createOne(draft: Draft, signal: AbortSignal): Promise<void> {
  const { domid, warnings } = await createUntil(signal, draft.fields.name, {
    config: draft.text,
    configName: "New domain",
    files: filesOf(draft),
  });
  for (const { message } of warnings) say("warning", message);
  show({ page: "domain", domid, tab: "console" });
}

/** Creates two of it, and shows how they compare while they boot. */
async function createBoth(draft: Draft, signal: AbortSignal): Promise<void> {
  const { name, kernel } = draft.fields;
  await startBothWays({ text: draft.text, name, kernel, files: filesOf(draft) }, signal);
  show({ page: "host", tab: "both-ways" });
}

const ONE: Making = { make: createOne, allows: () => false };
/** Neither has the name itself, so another domain may have it. */
const BOTH: Making = { make: createBoth, allows: (field) => field === "name" };

interface Creation {
  /** Whether something is being created. */
  creating: boolean;
  begin: (making: Making) => void;
  /** Ends what was begun; nothing of it is left. */
  cancel: () => void;
}

/** Begins what a button asks for, and tells the draft why it failed. */
function useCreation(draft: Draft, onCreated: () => void): Creation {
  const [creating, setCreating] = useState(false);
  const isOpen = useIsOpen();
  const begun = useRef<AbortController | null>(null);
  const create = async ({ make, allows }: Making): Promise<void> => {
    draft.touchAll();
    if (![...draft.impossible].every(allows)) {
      focusWrong();
      return;
    }
    draft.fail(null);
    setCreating(true);
    begun.current = new AbortController();
    try {
      await make(draft, begun.current.signal);
      draft.release();
      if (isOpen()) onCreated();
    } catch (error) {
      if (error instanceof ApiError && error.diagnostics.length) {
        draft.tell(error.diagnostics);
        focusWrong();
      } else draft.fail(sentence(error));
    } finally {
      setCreating(false);
    }
  };
  return { creating, begin: (making) => void create(making), cancel: () => begun.current?.abort() };
}

/**
 * Makes a domain from files, an xl.cfg, the bundled guest or this computer's kernel. The xl.cfg decides; the fields read and write it. `drops` are the
 * files that were dropped since it was asked for.
 */
export function NewDomain({ drops, onClose }: { drops: readonly File[][]; onClose: () => void }) {
  const draft = useDraft();
  const { fields, set } = draft;
  const intake = useIntake(draft, drops);
  const { creating, begin, cancel: cancelCreation } = useCreation(draft, onClose);
  const [web, setWeb] = useState(false);
  useEffect(() => document.getElementById(idOf("Name"))?.focus(), []);

  const busy = intake.reading !== null || creating;
  const kernel = draft.files.findLast(({ name }) => name === fields.kernel);
  const isWhole = fields.name !== "" && hasContent(fields);
  const submit = (event: { preventDefault: () => void }): void => {
    event.preventDefault();
    if (!busy) begin(ONE);
  };
  const cancel = (): void => {
    intake.stop();
    cancelCreation();
    draft.release();
    onClose();
  };
  return (
    <Dialog title="New domain" onClose={cancel} wide>
      <form
        className="form create"
        aria-busy={creating}
        onSubmit={submit}
        // In the text field Enter begins a new line.
        onKeyDown={(event: KeyboardEvent) => {
          if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) submit(event);
        }}
      >
        <Sources
          busy={busy}
          onFiles={intake.take}
          onBundled={intake.takeBundled}
          onHostKernel={intake.takeHostKernel}
          onKept={({ name, path, bytes }) => intake.takeKept(name, path, bytes)}
          web={web}
          onWeb={() => setWeb(!web)}
        />
        {web && <FromWeb onFetched={intake.takeFetched} />}
        <IntakeState intake={intake} failure={draft.failure} />
        <Choice
          part="kernel"
          files={draft.files.filter(({ description }) => description.bootable)}
          chosen={fields.kernel}
          onChoose={(name) => set("kernel", name)}
        />
        <Choice
          part="RAM disk"
          files={draft.files.filter(({ description }) => !description.bootable && description.ramdisk)}
          chosen={fields.ramdisk}
          onChoose={(name) => set("ramdisk", name)}
        />
        <Halves draft={draft} busy={busy} onPick={(file, disk) => intake.take([file], disk)} />
        <footer className="dialog-footer">
          <button type="button" onClick={cancel}>
            Cancel
          </button>
          {kernel && startsBothWays(fields.type, kernel.description.notes) && (
            <button
              type="button"
              title="As a PV and as a PVH domain at the same time, to compare what each asks of the hypervisor"
              disabled={busy || !isWhole}
              onClick={() => begin(BOTH)}
            >
              Start both ways
            </button>
          )}
          <button type="submit" className="primary" disabled={busy || !isWhole}>
            {creating ? "Creating…" : "Create"}
          </button>
        </footer>
      </form>
    </Dialog>
  );
}
