import type { RefObject } from "react";

/** The browser's chooser of files, which a click on `input` opens. The same files can be chosen again. */
export function FilePicker({
  input,
  label,
  accept,
  multiple = false,
  onPick,
}: {
  input: RefObject<HTMLInputElement | null>;
  label?: string;
  /** Endings of the names of files that it offers. */
  accept?: string;
  multiple?: boolean;
  onPick: (files: [File, ...File[]]) => void;
}) {
  return (
    <input
      type="file"
      hidden
      ref={input}
      multiple={multiple}
      accept={accept}
      aria-label={label}
      onChange={({ target }) => {
        const [first, ...others] = target.files ?? [];
        target.value = "";
        if (first) onPick([first, ...others]);
      }}
    />
  );
}
