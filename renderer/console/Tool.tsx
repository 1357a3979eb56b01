import type { ReactNode } from "react";

/** A button of the console's own bar: a sign, and its name for who points at it or hears it. */
export function Tool({
  label,
  pressed,
  onClick,
  children,
}: {
  label: string;
  /** Of a switch: whether it is on. */
  pressed?: boolean;
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
      onClick={onClick}
    >
      {children}
    </button>
  );
}
