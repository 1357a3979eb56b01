import { X } from "lucide-react";
import type { ReactNode } from "react";
import { useModal } from "./modal.ts";

/** A modal dialog. It is the browser's own, so focus, Escape and the backdrop behave as users know them. */
export function Dialog({
  title,
  onClose,
  children,
  wide = false,
}: {
  title: string;
  onClose: () => void;
  children: ReactNode;
  wide?: boolean;
}) {
  const { props, close } = useModal(onClose);
  return (
    <dialog {...props} className={wide ? "dialog dialog-wide" : "dialog"} aria-label={title}>
      <header className="dialog-header">
        <h2>{title}</h2>
        <button type="button" className="icon-button" aria-label="Close" onClick={close}>
          <X size={16} />
        </button>
      </header>
      {children}
    </dialog>
  );
}

/** Asks before something that cannot be undone. */
export function Confirm({
  title,
  text,
  action,
  onConfirm,
  instead,
  onClose,
}: {
  title: string;
  text: string;
  action: string;
  onConfirm: () => void;
  instead?: { action: string; onConfirm: () => void };
  onClose: () => void;
}) {
  // The action may ask another question.
  const choose = (deed: () => void): void => {
    onClose();
    deed();
  };
  return (
    <Dialog title={title} onClose={onClose}>
      <p className="dialog-text question">{text}</p>
      <footer className="dialog-footer">
        <button type="button" onClick={onClose} data-autofocus>
          Cancel
        </button>
        {instead && (
          <button type="button" className="primary" onClick={() => choose(instead.onConfirm)}>
            {instead.action}
          </button>
        )}
        <button type="button" className="danger" onClick={() => choose(onConfirm)}>
          {action}
        </button>
      </footer>
    </Dialog>
  );
}
