import { useId, useState } from "react";
import { act } from "../state/session.ts";
import { FormDialog } from "../ui/FormDialog.tsx";

const MOST_COPIES = 16;

/** Makes copies of a running domain in which it continues. It is a task, which continues when this dialog is closed. */
export function ForkDomain({ uuid, name, onClose }: { uuid: string; name: string; onClose: () => void }) {
  const id = useId();
  const [text, setText] = useState("1");
  const copies = Number(text);
  const problem =
    /^\d+$/.test(text.trim()) && copies >= 1 && copies <= MOST_COPIES ? null : `A number from 1 to ${MOST_COPIES}.`;
  return (
    <FormDialog
      title={`Fork ${name}`}
      action="Fork"
      ready={problem === null}
      deed={() => void act("domainFork", { uuid, copies })}
      onClose={onClose}
    >
      <p className="dialog-text">
        {name} goes on, and so do the copies, each from this moment. Each has a name, a UUID and MAC addresses of its
        own. Their disks are based on what its disks are now. For each the host needs as much free memory as {name} has.
      </p>
      <div className="field">
        <label htmlFor={id}>Copies</label>
        <input
          id={id}
          data-autofocus
          inputMode="numeric"
          value={text}
          aria-invalid={problem !== null || undefined}
          aria-describedby={problem === null ? undefined : `${id}-note`}
          onChange={({ target }) => setText(target.value)}
        />
        {problem !== null && (
          <span id={`${id}-note`} className="field-error">
            {problem}
          </span>
        )}
      </div>
    </FormDialog>
  );
}
