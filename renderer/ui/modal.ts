import { useLayoutEffect, useRef, type RefObject, type SyntheticEvent } from "react";

export interface Modal {
  /** Of the dialog element. */
  props: {
    ref: RefObject<HTMLDialogElement | null>;
    onCancel: (event: SyntheticEvent) => void;
    onClose: () => void;
  };
  /** Gives the focus back to where it was, then says that it is closed. */
  close: () => void;
}

/**
 * Shows a dialog element as long as it is mounted, modal. `onClose` is to unmount it, and is called where it is closed: the
 * element's close event comes later, when another dialog may have been opened, which it would take away.
 */
export function useModal(onClose: () => void): Modal {
  const ref = useRef<HTMLDialogElement>(null);
  useLayoutEffect(() => {
    const shown = ref.current!;
    shown.showModal();
    // Closed before it goes, so that the browser gives the focus back to where it was.
    return () => shown.close();
  }, []);
  const close = (): void => {
    ref.current?.close();
    onClose();
  };
  return {
    props: {
      ref,
      onCancel: (event) => {
        // That of a file chooser within bubbles, and closes nothing.
        if (event.target !== ref.current) return;
        event.preventDefault();
        close();
      },
      // The browser closes by itself what was kept from closing once.
      onClose: () => ref.current && !ref.current.open && close(),
    },
    close,
  };
}
