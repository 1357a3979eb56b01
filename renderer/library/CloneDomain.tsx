import { useState } from "react";
import type { KeptDomain } from "../../core/api/schema.ts";
import { act } from "../state/session.ts";
import { useApp } from "../state/store.ts";
import { Dialog } from "../ui/Dialog.tsx";
import { NameField } from "../ui/NameField.tsx";

/** Returns a name that no domain has yet. */
function freeName(name: string, taken: ReadonlySet<string>): string {
  for (let n = 2; ; n++) if (!taken.has(`${name}-${n}`)) return `${name}-${n}`;
}

/** Makes another domain that is like this one. It is a task, which continues when this dialog is closed. */
export function CloneDomain({ kept, onClose }: { kept: KeptDomain; onClose: () => void }) {
  const { uuid, name, files } = kept;
  const taken = new Set(useApp((state) => state.kept).map((each) => each.name));
  const [to, setTo] = useState(() => freeName(name, taken));
  const wanted = to.trim();
  const problem = taken.has(wanted) ? `There is a domain named ${wanted} already.` : null;
  return (
    <Dialog title={`Clone ${name}`} onClose={onClose}>
      <form
        className="form"
        onSubmit={(event) => {
          event.preventDefault();
          void act("keptClone", { uuid, name: wanted });
          onClose();
        }}
      >
        <NameField
          value={to}
          onValue={setTo}
          problem={problem}
          hint={`It has a UUID and MAC addresses of its own${files.length ? ", and copies of the disks that it may write, beside these" : ""}.`}
        />
        <footer className="dialog-footer">
          <button type="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" className="primary" disabled={wanted === "" || problem !== null}>
            Clone
          </button>
        </footer>
      </form>
    </Dialog>
  );
}
