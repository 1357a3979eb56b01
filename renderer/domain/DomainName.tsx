import { Pencil } from "lucide-react";
import { useRef, useState } from "react";
import type { DomainInfo } from "../../core/api/schema.ts";
import { act } from "../state/session.ts";

/** The name, and the way to change it. */
export function DomainName({ domain }: { domain: DomainInfo }) {
  const [editing, setEditing] = useState<string | null>(null);
  // Who ended it by a key goes on from where it began.
  const byKey = useRef(false);
  if (editing === null)
    return (
      <h1>
        <span className="page-name" title={domain.name}>
          {domain.name}
        </span>
        <button
          type="button"
          ref={(button) => {
            if (byKey.current) button?.focus();
            byKey.current = false;
          }}
          className="icon-button"
          title="Rename"
          aria-label="Rename"
          onClick={() => setEditing(domain.name)}
        >
          <Pencil size={14} />
        </button>
      </h1>
    );
  const save = async (): Promise<void> => {
    const name = editing.trim();
    if (name && name !== domain.name) await act("rename", { domid: domain.domid, name });
    setEditing(null);
  };
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        byKey.current = true;
        void save();
      }}
    >
      <input
        className="name-input"
        aria-label="Name of the domain"
        autoFocus
        value={editing}
        onChange={({ target }) => setEditing(target.value)}
        onBlur={() => void save()}
        onKeyDown={({ key }) => {
          if (key !== "Escape") return;
          byKey.current = true;
          setEditing(null);
        }}
      />
    </form>
  );
}
