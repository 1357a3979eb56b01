import { Plus, Power, Trash2 } from "lucide-react";
import { useEffect, useState } from "react";
import type { HostState } from "../../../core/api/schema.ts";
import { act, request, sentence } from "../../state/session.ts";

/** Lists the entries of the boot menu, each with Xen's command line. They can be changed for the next power-on. */
export function BootMenuCard({ host }: { host: HostState }) {
  const { bootEntries, bootEntry, power } = host;
  const [adding, setAdding] = useState(false);
  const off = power === "off" || power === "crashed";
  return (
    <section className="card boot-menu" aria-label="Boot menu">
      <header className="card-header">
        <h2>Boot menu</h2>
        <span className="spacer" />
        <button type="button" disabled={adding} onClick={() => setAdding(true)}>
          <Plus size={14} /> Add an entry
        </button>
      </header>
      <p className="muted">
        {off ? "A change counts when the host is powered on." : "A change counts from the next power-on on."}
      </p>
      {bootEntries.map((entry, number) => (
        <Entry
          key={`${number} ${bootEntries.length}`}
          number={number}
          entry={entry}
          booted={number === bootEntry}
          removable={bootEntries.length > 1}
          onPower={off ? () => void act("hostPowerOn", { bootEntry: number }) : null}
        />
      ))}
      {adding && (
        <Entry
          number={bootEntries.length}
          entry={{ title: "", cmdline: bootEntries[bootEntry]?.cmdline ?? "" }}
          booted={false}
          removable={false}
          onPower={null}
          onDone={() => setAdding(false)}
        />
      )}
    </section>
  );
}

function Entry({
  number,
  entry,
  booted,
  removable,
  onPower,
  onDone,
}: {
  number: number;
  entry: { title: string; cmdline: string };
  booted: boolean;
  removable: boolean;
  onPower: (() => void) | null;
  /** For a new entry. */
  onDone?: () => void;
}) {
  const [title, setTitle] = useState(entry.title);
  const [cmdline, setCmdline] = useState(entry.cmdline);
  const [error, setError] = useState("");
  // Another client may have set it.
  useEffect(() => {
    setTitle(entry.title);
    setCmdline(entry.cmdline);
  }, [entry.title, entry.cmdline]);
  const changed = title !== entry.title || cmdline !== entry.cmdline;
  const attempt = async (deed: Promise<unknown>): Promise<void> => {
    try {
      await deed;
      setError("");
      onDone?.();
    } catch (reason) {
      setError(sentence(reason));
    }
  };
  const undo = (): void => {
    setTitle(entry.title);
    setCmdline(entry.cmdline);
    setError("");
    onDone?.();
  };
  const name = onDone ? "the new entry" : `entry ${number}`;
  return (
    <form
      className="boot-form"
      aria-label={`Boot ${name}`}
      onSubmit={(event) => {
        event.preventDefault();
        void attempt(request("setBootEntry", { entry: number, title, cmdline }));
      }}
    >
      <label>
        <span>Title {booted && <span className="badge">{onPower ? "next" : "booted"}</span>}</span>
        <input value={title} maxLength={128} onChange={({ target }) => setTitle(target.value)} />
      </label>
      <label>
        <span>Xen’s command line</span>
        <textarea
          className="mono"
          rows={3}
          spellCheck={false}
          value={cmdline}
          onChange={({ target }) => setCmdline(target.value)}
        />
      </label>
      {error && (
        <p className="field-error" role="alert">
          {error}
        </p>
      )}
      <div className="button-row">
        <button type="submit" className={changed ? "primary" : undefined} disabled={!changed && !onDone}>
          {onDone ? "Add" : "Save"}
        </button>
        <button type="button" disabled={!changed && !onDone} onClick={undo}>
          {onDone ? "Cancel" : "Undo"}
        </button>
        {onPower && (
          <button type="button" disabled={changed} onClick={onPower}>
            <Power size={14} /> Boot it
          </button>
        )}
        <span className="spacer" />
        {removable && (
          <button
            type="button"
            className="icon-button"
            aria-label={`Remove ${name}`}
            title="Remove"
            onClick={() => void attempt(request("removeBootEntry", { entry: number }))}
          >
            <Trash2 size={15} />
          </button>
        )}
      </div>
    </form>
  );
}
