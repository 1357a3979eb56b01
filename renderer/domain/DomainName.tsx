import { Pencil } from "lucide-react";
import { useRef, useState } from "react";

/** Shows the name, and lets the user change it. */
export function DomainName({ name, rename }: { name: string; rename: (name: string) => Promise<unknown> }) {
  const [editing, setEditing] = useState<string | null>(null);
  // If the user finished by a key, the focus returns to where the editing began.
  const byKey = useRef(false);
  if (editing === null)
    return (
      <h1>
        <span className="page-name" title={name}>
          {name}
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
          onClick={() => setEditing(name)}
        >
          <Pencil size={14} />
        </button>
      </h1>
    );
  const save = async (): Promise<void> => {
    const to = editing.trim();
    if (to && to !== name) await rename(to);
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
