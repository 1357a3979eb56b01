import { AlertTriangle, CircleAlert, Info, X } from "lucide-react";
import { dismissToast, useApp } from "../state/store.ts";

const ICONS = { info: Info, warning: AlertTriangle, error: CircleAlert };

export function Toasts() {
  const toasts = useApp((state) => state.toasts);
  return (
    <div className="toasts" role="status" aria-live="polite">
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
