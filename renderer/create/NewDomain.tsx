import { useEffect, useState, type KeyboardEvent } from "react";
import { ApiError } from "../../core/api/client.ts";
import { WAYS, startBothWays, startsBothWays, wayName } from "../both-ways/run.ts";
import { FromWeb } from "../fetch/FromWeb.tsx";
import { say } from "../state/messages.ts";
import { request, sentence } from "../state/session.ts";
import { show } from "../state/store.ts";
import { Dialog } from "../ui/Dialog.tsx";
import { useIsOpen } from "../ui/FormDialog.tsx";
import { Choice } from "./Choice.tsx";
import { idOf } from "./Field.tsx";
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

/** The domain, whose console is shown when it is there. */
async function createOne(draft: Draft): Promise<void> {
  const { domid, warnings } = await request("create", {
    config: draft.text,
    configName: "New domain",
    files: filesOf(draft),
  });
  for (const { message } of warnings) say("warning", message);
  show({ page: "domain", domid, tab: "console" });
}

/** Two of it, compared while they boot. */
async function createBoth(draft: Draft): Promise<void> {
  const { name, kernel } = draft.fields;
  await startBothWays({ text: draft.text, name, kernel }, filesOf(draft));
  show({ page: "host", tab: "both-ways" });
}

/** Whether something is being created, and how that is begun. */
function useCreation(
  draft: Draft,
  onCreated: () => void,
): { creating: boolean; begin: (make: typeof createOne) => void } {
  const [creating, setCreating] = useState(false);
  const isOpen = useIsOpen();
  const create = async (make: typeof createOne): Promise<void> => {
    draft.touchAll();
    if (draft.prevents) {
      focusWrong();
      return;
    }
    draft.fail(null);
    setCreating(true);
    try {
      await make(draft);
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
  return { creating, begin: (make) => void create(make) };
}

/**
 * Makes a domain from files, an xl.cfg, the bundled guest or this computer's kernel. The xl.cfg decides; the fields read and write it. `files` are those
 * that were dropped last: those before them have been taken already.
 */
export function NewDomain({ files, onClose }: { files: File[]; onClose: () => void }) {
  const draft = useDraft();
  const { fields, set } = draft;
  const intake = useIntake(draft, files);
  const { creating, begin } = useCreation(draft, onClose);
  const [web, setWeb] = useState(false);
  useEffect(() => document.getElementById(idOf("Name"))?.focus(), []);

  const busy = intake.reading !== null || creating;
  const kernel = draft.files.findLast(({ name }) => name === fields.kernel);
  const isWhole = fields.name !== "" && (fields.kernel || fields.bootloader) !== "";
  const submit = (event: { preventDefault: () => void }): void => {
    event.preventDefault();
    if (!busy) begin(createOne);
  };
  const cancel = (): void => {
    intake.stop();
    for (const name of creating ? [fields.name, ...WAYS.map((type) => wayName(fields.name, type))] : [])
      void request("createCancel", { name }).catch(() => {});
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
          {kernel && startsBothWays(kernel.description.notes) && (
            <button
              type="button"
              title="As a PV and as a PVH domain at the same time, to compare what each asks of the hypervisor"
              disabled={busy || !isWhole}
              onClick={() => begin(createBoth)}
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
