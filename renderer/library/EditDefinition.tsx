import { useEffect, useState } from "react";
import { ApiError } from "../../core/api/client.ts";
import type { KeptDomain } from "../../core/api/schema.ts";
import { readConfig } from "../../core/api/config-text.ts";
import { ConfigEditor } from "../create/ConfigEditor.tsx";
import { disksOf } from "../create/devices.ts";
import { fieldsOf } from "../create/fields.ts";
import { useChecked } from "../create/useChecked.ts";
import { say } from "../state/messages.ts";
import { request, sentence } from "../state/session.ts";
import { Dialog } from "../ui/Dialog.tsx";
import { FormFooter } from "../ui/FormDialog.tsx";
import { Refusal } from "../ui/Refusal.tsx";
import { AtStart } from "./AtStart.tsx";

const NOTHING_GIVEN: readonly never[] = [];
const NO_FILES: ReadonlySet<string> = new Set();

/** What was given with the domain, and what its xl.cfg names on the host's computer. */
function filesOf(config: string, given: readonly string[]): ReadonlySet<string> {
  const parsed = readConfig(config);
  const { kernel, ramdisk } = fieldsOf(parsed);
  return new Set([...given, kernel, ramdisk, ...disksOf(parsed).flatMap(({ value }) => value?.target ?? [])]);
}

/** Edits the xl.cfg of a domain that is kept. */
export function EditDefinition({ kept, onClose }: { kept: KeptDomain; onClose: () => void }) {
  const { uuid, name } = kept;
  const [before, setBefore] = useState<string | null>(null);
  const [text, setText] = useState("");
  const [failure, setFailure] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const [files, setFiles] = useState(NO_FILES);
  const { fields, findings, tell } = useChecked(text, NOTHING_GIVEN, { name, files });
  useEffect(() => {
    let current = true;
    request("keptConfig", { uuid }).then(
      ({ config, files: given }) => {
        if (!current) return;
        setFiles(filesOf(config, given));
        setBefore(config);
        setText(config);
      },
      (error: unknown) => current && setFailure(sentence(error)),
    );
    return () => {
      current = false;
    };
  }, [uuid]);

  const save = async (): Promise<void> => {
    setBusy(true);
    setFailure(null);
    try {
      const { warnings } = await request("keptEdit", { uuid, config: text });
      for (const { message } of warnings) say("warning", message);
      onClose();
    } catch (error) {
      if (error instanceof ApiError && error.diagnostics.length) tell(error.diagnostics);
      else setFailure(sentence(error));
      setBusy(false);
    }
  };
  return (
    <Dialog title={`Configuration of ${name}`} onClose={onClose} wide>
      <form
        className="form create"
        onSubmit={(event) => {
          event.preventDefault();
          void save();
        }}
      >
        {kept.state === "running" && (
          <p className="field-hint">
            It runs with what it was started with; this holds from its next start or reboot on.
          </p>
        )}
        <Refusal text={failure} />
        {before !== null && <AtStart config={text} onChange={setText} />}
        {before !== null && (
          <ConfigEditor
            text={text}
            findings={findings}
            missing={[...(fields.name ? [] : ["name"])]}
            fileName={name}
            onChange={setText}
          />
        )}
        <FormFooter action="Save" isDisabled={busy || before === null || text === before} onClose={onClose} />
      </form>
    </Dialog>
  );
}
