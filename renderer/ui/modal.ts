import { useLayoutEffect, useRef, type RefObject, type SyntheticEvent } from "react";

/**
 * The browser gives the focus to the first thing that takes it, the × of the header. It goes to what is marked (the safe button of a
 * confirmation), else to the first field, else to the first button of the body.
 */
function focusFirst(dialog: HTMLDialogElement): void {
  const fields = "input:not([type=hidden], [type=file], [type=checkbox], [type=radio]), textarea, select";
  const free = (selector: string): HTMLElement | undefined =>
    [...dialog.querySelectorAll<HTMLElement>(selector)].find(
      (each) => !each.matches(":disabled, [tabindex='-1']") && each.checkVisibility(),
    );
  (free("[data-autofocus]") ?? free(fields) ?? free("button:not(.dialog-header *)"))?.focus();
}

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
    focusFirst(shown);
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
