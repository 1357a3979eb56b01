import { useRef, type ReactNode } from "react";
import type { TermId } from "../glossary/terms.ts";
import type { Finding } from "./checks.ts";
import { Term } from "../glossary/Term.tsx";
import { FilePicker } from "../ui/FilePicker.tsx";

export interface ControlProps {
  id: string;
  "aria-invalid": boolean;
  "aria-describedby": string | undefined;
}

export function idOf(label: string): string {
  return `field-${label.toLowerCase().replace(/\W+/g, "-")}`;
}

/** A labelled control, with its messages beside it. */
export function Field({
  label,
  term,
  finding,
  hint,
  children,
}: {
  label: string;
  /** The word of Xen's that the label is, if it is one. */
  term?: TermId | undefined;
  finding?: Finding | undefined;
  hint?: string;
  children: (props: ControlProps) => ReactNode;
}) {
  const id = idOf(label);
  const isError = finding?.severity === "error";
  const note = finding?.message ?? hint;
  return (
    <div className="field">
      <label htmlFor={id}>{term ? <Term of={term}>{label}</Term> : label}</label>
      {children({ id, "aria-invalid": isError, "aria-describedby": note ? `${id}-note` : undefined })}
      {note && (
        <span
          id={`${id}-note`}
          className={isError ? "field-error" : finding ? "field-warning" : "field-hint"}
          role={finding ? "status" : undefined}
        >
          {note}
        </span>
      )}
    </div>
  );
}

/** Shows the file that a key names, and lets the user choose another. */
export function FilePick({
  name,
  onPick,
  onClear,
  ...props
}: ControlProps & { name: string; onPick: (file: File) => void; onClear?: () => void }) {
  const input = useRef<HTMLInputElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  return (
    <div className="file-pick">
      <FilePicker input={input} onPick={([file]) => onPick(file)} />
      <button {...props} ref={button} type="button" className="file-button" onClick={() => input.current?.click()}>
        {name || "Choose a file…"}
      </button>
      {name && onClear && (
        <button
          type="button"
          onClick={() => {
            onClear();
            button.current?.focus();
          }}
        >
          Remove
        </button>
      )}
    </div>
  );
}
