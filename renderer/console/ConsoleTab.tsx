import { Copy, Eraser } from "lucide-react";
import { useEffect, useRef } from "react";
import { consoles } from "../state/session.ts";
import { toast } from "../state/store.ts";

/** The domain's PV console. */
export function ConsoleTab({ domid, name }: { domid: number; name: string }) {
  const host = useRef<HTMLDivElement>(null);
  useEffect(() => consoles.show(domid, host.current!), [domid]);
  return (
    <div className="console">
      <div className="console-tools">
        <button
          type="button"
          className="icon-button"
          title="Copy the selection, or everything"
          aria-label="Copy the console's text"
          onClick={() =>
            void navigator.clipboard.writeText(consoles.text(domid)).then(
              () => toast("info", "Copied."),
              () => toast("error", "The clipboard may not be written here."),
            )
          }
        >
          <Copy size={14} />
        </button>
        <button
          type="button"
          className="icon-button"
          title="Clear the screen"
          aria-label="Clear the screen"
          onClick={() => consoles.clearScreen(domid)}
        >
          <Eraser size={14} />
        </button>
      </div>
      <div ref={host} className="console-screen" aria-label={`Console of ${name}`} />
    </div>
  );
}
