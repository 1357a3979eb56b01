import { Pencil } from "lucide-react";
import { useState } from "react";
import type { DomainInfo } from "../../core/api/schema.ts";
import { act } from "../state/session.ts";

/** The name, and the way to change it. */
export function DomainName({ domain }: { domain: DomainInfo }) {
  const [editing, setEditing] = useState<string | null>(null);
  if (editing === null)
    return (
      <h1>
        <span className="page-name" title={domain.name}>
          {domain.name}
        </span>
        <button
          type="button"
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
        onKeyDown={({ key }) => key === "Escape" && setEditing(null)}
      />
    </form>
  );
}
