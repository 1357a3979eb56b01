import { AlertTriangle, CircleAlert, Info, X } from "lucide-react";
import { useEffect, useState } from "react";
import { dismissToast, dismissToasts, holdToasts, useApp } from "../state/store.ts";

const ICONS = { info: Info, warning: AlertTriangle, error: CircleAlert };

/** Messages vanish by themselves, but not while the pointer or the focus is on them. */
export function Toasts() {
  const toasts = useApp((state) => state.toasts);
  const [read, setRead] = useState(false);
  const some = toasts.length > 0;
  useEffect(() => (read && some ? holdToasts() : undefined), [read, some]);
  // When a message is dismissed under the pointer, no event says that the pointer has left.
  useEffect(() => {
    if (!some) setRead(false);
  }, [some]);
  return (
    <div
      className="toasts"
      role="status"
      aria-live="polite"
      onPointerEnter={() => setRead(true)}
      onPointerLeave={() => setRead(false)}
      onFocus={() => setRead(true)}
      onBlur={() => setRead(false)}
    >
      {toasts.length > 1 && (
        <button type="button" className="toasts-all" onClick={dismissToasts}>
          Dismiss all {toasts.length}
        </button>
      )}
      {toasts.map(({ id, severity, message }) => {
        const Icon = ICONS[severity];
        return (
          <div key={id} className={`toast toast-${severity}`}>
            <Icon size={16} aria-label={severity} />
            <span>{message}</span>
            <button type="button" className="icon-button" aria-label="Dismiss" onClick={() => dismissToast(id)}>
              <X size={14} />
            </button>
          </div>
        );
      })}
    </div>
  );
}
