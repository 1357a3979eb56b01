import { useState, type ReactNode } from "react";
import { sentence } from "../state/session.ts";
import { Dialog } from "./Dialog.tsx";
import { Refusal } from "./Refusal.tsx";

/** The last line of a form in a dialog. `cancel`: what the button that closes it says. */
export function FormFooter({
  cancel = "Cancel",
  action,
  isDisabled = false,
  onClose,
}: {
  cancel?: string;
  action: string;
  isDisabled?: boolean;
  onClose: () => void;
}) {
  return (
    <footer className="dialog-footer">
      <button type="button" onClick={onClose}>
        {cancel}
      </button>
      <button type="submit" className="primary" disabled={isDisabled}>
        {action}
      </button>
    </footer>
  );
}

/** A form whose action may be refused. In that case the reason is shown and what was typed stays. */
export function FormDialog({
  title,
  action,
  className = "form",
  ready,
  deed,
  onClose,
  children,
}: {
  title: string;
  action: string;
  className?: string;
  /** All that is needed is there, and nothing is wrong with it. */
  ready: boolean;
  /** The dialog closes when it is done. What is a task is done when it has begun. */
  deed: () => Promise<unknown> | void;
  onClose: () => void;
  children: ReactNode;
}) {
  const [refusal, setRefusal] = useState<string | null>(null);
  const [isBusy, setBusy] = useState(false);
  const go = async (): Promise<void> => {
    setRefusal(null);
    setBusy(true);
    try {
      await deed();
      onClose();
    } catch (error) {
      setRefusal(sentence(error));
      setBusy(false);
    }
  };
  return (
    <Dialog title={title} onClose={onClose}>
      <form
        className={className}
        onSubmit={(event) => {
          event.preventDefault();
          if (ready && !isBusy) void go();
        }}
      >
        {children}
        <Refusal text={refusal} />
        <FormFooter action={action} isDisabled={!ready || isBusy} onClose={onClose} />
      </form>
    </Dialog>
  );
}
