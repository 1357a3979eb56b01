import { clockText } from "../ui/clock.ts";
import { useState } from "react";
import type { Changed } from "./tree.ts";

const SHOWN = 12;

/** The latest changes that the watch reported, with the newest first. */
export function Changes({ changes, onSelect }: { changes: readonly Changed[]; onSelect: (path: string) => void }) {
  const [all, showAll] = useState(false);
  return (
    <section className="card store-changes">
      <h2>Latest changes</h2>
      {changes.length === 0 ? (
        <p className="muted">Nothing has changed since this was opened.</p>
      ) : (
        <ol>
          {changes.slice(0, all ? changes.length : SHOWN).map(({ path, at, count }) => (
            <li key={`${path} ${count}`}>
              <button type="button" className="link mono" onClick={() => onSelect(path)} title={path}>
                <bdi>{path}</bdi>
              </button>
              <span className="muted">{clockOf(at)}</span>
            </li>
          ))}
        </ol>
      )}
      {changes.length > SHOWN && (
        <button type="button" onClick={() => showAll(!all)}>
          {all ? "Fewer" : `All ${changes.length}`}
        </button>
      )}
    </section>
  );
}

function clockOf(at: number): string {
  return clockText(performance.timeOrigin + at);
}
