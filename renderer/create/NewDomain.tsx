import { useEffect, useState, type KeyboardEvent } from "react";
import { ApiError } from "../../core/api/client.ts";
import { FromWeb } from "../fetch/FromWeb.tsx";
import { say } from "../state/messages.ts";
import { request, sentence } from "../state/session.ts";
import { show } from "../state/store.ts";
import { Dialog } from "../ui/Dialog.tsx";
import { Choice } from "./Choice.tsx";
import { idOf } from "./Field.tsx";
import { Halves } from "./Halves.tsx";
import { IntakeState } from "./IntakeState.tsx";
import { Sources } from "./Sources.tsx";
import { useDraft, type Draft } from "./useDraft.ts";
import { useIntake } from "./useIntake.ts";

/** Once the controls are drawn with what is wrong with them. */
function focusWrong(): void {
  setTimeout(() => document.querySelector<HTMLElement>('.create [aria-invalid="true"]')?.focus(), 0);
}

/** Whether it is being created, and how that is begun: the domain's console is shown when it is there. */
function useCreation(draft: Draft, onCreated: () => void): { creating: boolean; create: () => Promise<void> } {
  const [creating, setCreating] = useState(false);
  const create = async (): Promise<void> => {
    draft.touchAll();
    if (draft.prevents) {
      focusWrong();
      return;
    }
    draft.fail(null);
    setCreating(true);
    try {
      const { domid, warnings } = await request("create", {
        config: draft.text,
        configName: "New domain",
        files: Object.fromEntries(draft.files.flatMap(({ name, id }) => (id === null ? [] : [[name, id]]))),
      });
      for (const { message } of warnings) say("warning", message);
      draft.release();
      onCreated();
      show({ page: "domain", domid, tab: "console" });
    } catch (error) {
      if (error instanceof ApiError && error.diagnostics.length) {
        draft.tell(error.diagnostics);
        focusWrong();
      } else draft.fail(sentence(error));
    } finally {
      setCreating(false);
    }
  };
  return { creating, create };
}

/**
 * A domain from files, an xl.cfg, the bundled guest or this computer's kernel. Its xl.cfg is what counts; fields read and write it. `files`: that were
 * dropped last; those before them are taken already.
 */
export function NewDomain({ files, onClose }: { files: File[]; onClose: () => void }) {
  const draft = useDraft();
  const { fields, set } = draft;
  const intake = useIntake(draft, files);
  const { creating, create } = useCreation(draft, onClose);
  const [web, setWeb] = useState(false);
  useEffect(() => document.getElementById(idOf("Name"))?.focus(), []);

  const busy = intake.reading !== null || creating;
  const isWhole = fields.name !== "" && (fields.kernel || fields.bootloader) !== "";
  const submit = (event: { preventDefault: () => void }): void => {
    event.preventDefault();
    if (!busy) void create();
  };
  const cancel = (): void => {
    intake.stop();
    if (creating) void request("createCancel", { name: fields.name }).catch(() => {});
    draft.release();
    onClose();
  };
  return (
    <Dialog title="New domain" onClose={cancel} wide>
      <form
        className="form create"
        onSubmit={submit}
        // In the text, Enter is a line.
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
          <button type="submit" className="primary" disabled={busy || !isWhole}>
            {creating ? "Creating…" : "Create"}
          </button>
        </footer>
      </form>
    </Dialog>
  );
}
