import type { ReactNode } from "react";

/** A button of a view's own bar: a sign, and its name for who points at it or hears it. */
export function Tool({
  label,
  pressed,
  disabled,
  onClick,
  children,
}: {
  label: string;
  /** Of a switch: whether it is on. */
  pressed?: boolean;
  disabled?: boolean;
  onClick: () => void;
  children: ReactNode;
}) {
  return (
    <button
      type="button"
      className="icon-button"
      title={label}
      aria-label={label}
      aria-pressed={pressed}
      disabled={disabled}
      onClick={onClick}
    >
      {children}
    </button>
  );
}
