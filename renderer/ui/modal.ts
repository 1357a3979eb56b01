import { useLayoutEffect, useRef, type RefObject, type SyntheticEvent } from "react";

/**
 * The browser focuses the first element that takes the focus, which is the × of the header. This focuses what is marked (the safe button of a
 * confirmation), else the first field, else the first button of the body.
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
  /** The properties of the dialog element. */
  props: {
    ref: RefObject<HTMLDialogElement | null>;
    onCancel: (event: SyntheticEvent) => void;
    onClose: () => void;
  };
  /** Returns the focus to where it was, then reports that the dialog is closed. */
  close: () => void;
}

/**
 * Shows a dialog element as modal as long as it is mounted. `onClose` must unmount it. It is called at the place that closes the dialog, because the
 * element's close event comes later, when another dialog may be open that it would take away.
 */
export function useModal(onClose: () => void): Modal {
  const ref = useRef<HTMLDialogElement>(null);
  useLayoutEffect(() => {
    const shown = ref.current!;
    shown.showModal();
    focusFirst(shown);
    // The dialog is closed before it is removed, so that the browser returns the focus to where it was.
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
        // The cancel event of a file chooser inside the dialog bubbles, and must not close the dialog.
        if (event.target !== ref.current) return;
        event.preventDefault();
        close();
      },
      // The browser closes a dialog by itself after it was once kept from closing.
      onClose: () => ref.current && !ref.current.open && close(),
    },
    close,
  };
}
