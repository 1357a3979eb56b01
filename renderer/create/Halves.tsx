import { ConfigEditor } from "./ConfigEditor.tsx";
import { disksOf, foldersOf, vifsOf, withDisk, withFolder, withVif } from "./devices.ts";
import { DisksForm } from "./DisksForm.tsx";
import { hasContent, NATIVE } from "./fields.ts";
import { FieldsForm } from "./FieldsForm.tsx";
import { FoldersForm } from "./FoldersForm.tsx";
import { diskOffers } from "./served-disks.ts";
import type { Draft } from "./useDraft.ts";
import { VifsForm } from "./VifsForm.tsx";

interface Props {
  draft: Draft;
  busy: boolean;
  /** Takes a file for the config. If `disk` is given, the file replaces the disk of that index. */
  onPick: (file: File, disk?: number | null) => void;
}

/** Shows the fields on one side, and on the other the xl.cfg that they read and write. */
export function Halves({ draft, busy, onPick }: Props) {
  const { text, fields, files, findings, edit } = draft;
  return (
    <div className="create-halves">
      <div className="create-fields">
        <FieldsForm
          fields={fields}
          findingOf={(field) => findings.find((each) => each.field === field)}
          kernel={files.findLast(({ name }) => name === fields.kernel)}
          devices={<Devices draft={draft} busy={busy} onPick={onPick} />}
          set={draft.set}
          onPick={(file) => onPick(file)}
        />
      </div>
      <ConfigEditor
        text={text}
        findings={findings}
        missing={[...(fields.name ? [] : ["name"]), ...(hasContent(fields) ? [] : ["kernel, or a disk to boot from"])]}
        fileName={fields.name}
        hint="Fields and text change each other."
        onChange={(next) => edit(() => next)}
      />
    </div>
  );
}

function Devices({ draft: { parsed, fields, findings, edit }, busy, onPick }: Props) {
  return (
    <>
      {fields.type === NATIVE && (
        <p className="muted">
          Others get these images by the name of the disk: target=/dev/xvda, backend={fields.name || "this domain"}.
        </p>
      )}
      <DisksForm
        rows={disksOf(parsed)}
        offers={diskOffers(fields.type)}
        finding={findings.find(({ field }) => field === "disk")}
        busy={busy}
        set={(index, disk) => edit((before) => withDisk(before, index, disk))}
        onPick={onPick}
      />
      {fields.type !== NATIVE && (
        <>
          <VifsForm
            rows={vifsOf(parsed)}
            finding={findings.find(({ field }) => field === "vif")}
            set={(index, vif) => edit((before) => withVif(before, index, vif))}
          />
          <FoldersForm
            rows={foldersOf(parsed)}
            finding={findings.find(({ field }) => field === "p9")}
            set={(index, folder) => edit((before) => withFolder(before, index, folder))}
          />
        </>
      )}
    </>
  );
}
