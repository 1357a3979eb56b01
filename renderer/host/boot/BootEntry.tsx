import { Power, Trash2 } from "lucide-react";
import { useEffect, useState } from "react";
import { request, sentence } from "../../state/session.ts";
import { Refusal } from "../../ui/Refusal.tsx";
import { Tool } from "../../ui/Tool.tsx";

interface Words {
  title: string;
  cmdline: string;
}

/** An entry of the boot menu, to be changed. */
export function BootEntry({
  number,
  entry,
  booted,
  removable,
  onPower,
  onDone,
}: {
  number: number;
  entry: Words;
  booted: boolean;
  removable: boolean;
  onPower: (() => void) | null;
  /** For a new entry. */
  onDone?: () => void;
}) {
  const [{ title, cmdline }, setWords] = useState(entry);
  const [error, setError] = useState<string | null>(null);
  // Another client may have set it.
  useEffect(() => setWords({ title: entry.title, cmdline: entry.cmdline }), [entry.title, entry.cmdline]);
  const changed = title !== entry.title || cmdline !== entry.cmdline;
  const attempt = async (deed: Promise<unknown>): Promise<void> => {
    try {
      await deed;
      setError(null);
      onDone?.();
    } catch (reason) {
      setError(sentence(reason));
    }
  };
  const undo = (): void => {
    setWords(entry);
    setError(null);
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
      <EntryFields
        words={{ title, cmdline }}
        badge={booted ? (onPower ? "next" : "booted") : null}
        onChange={setWords}
      />
      <Refusal text={error} />
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
          <Tool
            label={`Remove ${name}`}
            hint="Remove"
            onClick={() => void attempt(request("removeBootEntry", { entry: number }))}
          >
            <Trash2 size={15} />
          </Tool>
        )}
      </div>
    </form>
  );
}

function EntryFields({
  words: { title, cmdline },
  badge,
  onChange,
}: {
  words: Words;
  /** Stands beside the title, if there is anything to say. */
  badge: string | null;
  onChange: (words: Words) => void;
}) {
  return (
    <>
      <label>
        <span>Title {badge && <span className="badge">{badge}</span>}</span>
        <input value={title} maxLength={128} onChange={({ target }) => onChange({ title: target.value, cmdline })} />
      </label>
      <label>
        <span>Xen’s command line</span>
        <textarea
          className="mono"
          rows={3}
          spellCheck={false}
          value={cmdline}
          onChange={({ target }) => onChange({ title, cmdline: target.value })}
        />
      </label>
    </>
  );
}
