/** Asks for a name. It is the first field of a dialog. */
import { useId, type RefObject } from "react";

export function NameField({
  label = "Name",
  value,
  onValue,
  hint,
  problem = null,
  placeholder,
  input,
}: {
  label?: string;
  value: string;
  onValue: (value: string) => void;
  /** Says what the name is used for. */
  hint?: string;
  /** Why the name cannot be used. It is shown instead of the hint. */
  problem?: string | null;
  placeholder?: string;
  input?: RefObject<HTMLInputElement | null>;
}) {
  const id = useId();
  const said = problem ?? hint;
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <input
        ref={input}
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
