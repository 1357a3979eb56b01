import { useEffect, useRef, useState, type ReactNode } from "react";
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

/** Tells whether the dialog that calls this has not been closed yet. */
export function useIsOpen(): () => boolean {
  const isOpen = useRef(false);
  useEffect(() => {
    isOpen.current = true;
    return () => {
      isOpen.current = false;
    };
  }, []);
  return () => isOpen.current;
}

/** Whether a dialog carries out what it was asked for. It closes after that, and what it is given meanwhile would go with it. */
export const isDialogBusy = (): boolean => document.querySelector('dialog form[aria-busy="true"]') !== null;

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
  const isOpen = useIsOpen();
  const go = async (): Promise<void> => {
    setRefusal(null);
    setBusy(true);
    try {
      await deed();
      // Another dialog may be open by now.
      if (isOpen()) onClose();
    } catch (error) {
      setRefusal(sentence(error));
      setBusy(false);
    }
  };
  return (
    <Dialog title={title} onClose={onClose}>
      <form
        className={className}
        aria-busy={isBusy}
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
