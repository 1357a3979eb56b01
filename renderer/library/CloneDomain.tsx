import { useState } from "react";
import type { KeptDomain } from "../../core/api/schema.ts";
import { act } from "../state/session.ts";
import { FormDialog } from "../ui/FormDialog.tsx";
import { NameField } from "../ui/NameField.tsx";
import { clashOf, nameLike } from "./names.ts";
import { useTakenNames } from "./useTakenNames.ts";

/** Makes another domain that is like this one. It is a task, which continues when this dialog is closed. */
export function CloneDomain({ kept, onClose }: { kept: KeptDomain; onClose: () => void }) {
  const { uuid, name, files } = kept;
  const taken = useTakenNames();
  const [to, setTo] = useState(() => nameLike(name, taken));
  const wanted = to.trim();
  const problem = clashOf(wanted, taken);
  return (
    <FormDialog
      title={`Clone ${name}`}
      action="Clone"
      ready={wanted !== "" && problem === null}
      deed={() => void act("keptClone", { uuid, name: wanted })}
      onClose={onClose}
    >
      <NameField
        value={to}
        onValue={setTo}
        problem={problem}
        hint={`It has a UUID and MAC addresses of its own${files.length ? ", and copies of the disks that it may write, beside these" : ""}.`}
      />
    </FormDialog>
  );
}
