/** Asks for a name: the field that a dialog begins with. */
import { useId } from "react";

export function NameField({
  label = "Name",
  value,
  onValue,
  hint,
  problem = null,
  placeholder,
}: {
  label?: string;
  value: string;
  onValue: (value: string) => void;
  /** What becomes of it. */
  hint?: string;
  /** Why it can't be that one; stands in the place of the hint. */
  problem?: string | null;
  placeholder?: string;
}) {
  const id = useId();
  const said = problem ?? hint;
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <input
        id={id}
        data-autofocus
        spellCheck={false}
        maxLength={1024}
        placeholder={placeholder}
        value={value}
        aria-invalid={problem !== null || undefined}
        aria-describedby={said === undefined ? undefined : `${id}-note`}
        onChange={({ target }) => onValue(target.value)}
      />
      {said !== undefined && (
        <span id={`${id}-note`} className={problem === null ? "field-hint" : "field-error"}>
          {said}
        </span>
      )}
    </div>
  );
}
