import { useId } from "react";
import { Term } from "../../glossary/Term.tsx";
import type { TermId } from "../../glossary/terms.ts";

/** A number between two bounds; what is wrong with it stands in the place of the note. */
export function NumberField({
  label,
  term,
  value,
  onChange,
  least,
  most,
  step,
  wrong,
  note,
}: {
  label: string;
  /** The word of Xen's that the label is, if it is one. */
  term?: TermId;
  value: string;
  onChange: (value: string) => void;
  least: number;
  most: number;
  step: number;
  wrong: string | null;
  note: string;
}) {
  const id = useId();
  return (
    <div className="host-size-field">
      <label htmlFor={id}>{term ? <Term of={term}>{label}</Term> : label}</label>
      <input
        id={id}
        type="number"
        min={least}
        max={most}
        step={step}
        value={value}
        aria-invalid={wrong !== null}
        aria-describedby={`${id}-note`}
        onChange={({ target }) => onChange(target.value)}
      />
      <p id={`${id}-note`} className={wrong ? "field-error" : "muted"}>
        {wrong ?? note}
      </p>
    </div>
  );
}
