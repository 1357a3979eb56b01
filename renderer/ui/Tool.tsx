import type { ReactNode } from "react";

/** A button of a view's own bar: a sign, with a name for those who point at it or have the page read to them. */
export function Tool({
  label,
  hint = label,
  pressed,
  disabled,
  onClick,
  children,
}: {
  label: string;
  /** What stands at the pointer, if that is more than the name. */
  hint?: string;
  /** Whether a switch is on. */
  pressed?: boolean;
  disabled?: boolean;
  onClick: () => void;
  children: ReactNode;
}) {
  return (
    <button
      type="button"
      className="icon-button"
      title={hint}
      aria-label={label}
      aria-pressed={pressed}
      disabled={disabled}
      onClick={onClick}
    >
      {children}
    </button>
  );
}
