import { Copy } from "lucide-react";
import { useEffect, useMemo, useRef, useState } from "react";
import { toast, useApp } from "../state/store.ts";

const SHOWN_LINES = 2000;

/** What the hypervisor prints: `xl dmesg`, live. */
export function XenLog() {
  const text = useApp((state) => state.xenLog);
  const [filter, setFilter] = useState("");
  const box = useRef<HTMLPreElement>(null);
  const following = useRef(true);
  const lines = useMemo(() => {
    const all = text.split(/\r?\n/);
    const wanted = filter ? all.filter((line) => line.toLowerCase().includes(filter.toLowerCase())) : all;
    return wanted.slice(-SHOWN_LINES).join("\n");
  }, [text, filter]);
  useEffect(() => {
    if (following.current && box.current) box.current.scrollTop = box.current.scrollHeight;
  }, [lines]);
  return (
    <section className="card log-card">
      <header className="card-header">
        <h2>Xen log</h2>
        <span className="spacer" />
        <input
          type="search"
          placeholder="Filter"
          aria-label="Filter the Xen log"
          value={filter}
          onChange={({ target }) => setFilter(target.value)}
        />
        <button
          type="button"
          className="icon-button"
          title="Copy the log"
          aria-label="Copy the log"
          onClick={() =>
            void navigator.clipboard.writeText(text).then(
              () => toast("info", "The Xen log was copied."),
              () => toast("error", "The clipboard may not be written here."),
            )
          }
        >
          <Copy size={15} />
        </button>
      </header>
      <pre
        ref={box}
        className="log"
        tabIndex={0}
        aria-label="Xen log"
        onScroll={({ currentTarget: { scrollTop, scrollHeight, clientHeight } }) => {
          following.current = scrollTop + clientHeight >= scrollHeight - 8;
        }}
      >
        {lines || (filter ? "Nothing matches." : "Nothing yet.")}
      </pre>
    </section>
  );
}
