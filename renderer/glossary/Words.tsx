import { useState } from "react";
import { openDialog } from "../state/store.ts";
import { Dialog } from "../ui/Dialog.tsx";
import { GROUPS } from "./terms.ts";

/** Lists all of Xen's words that appear in the application, by what they belong to. */
export function Words() {
  const [filter, setFilter] = useState("");
  const wanted = filter.toLowerCase().split(/\s+/).filter(Boolean);
  const groups = GROUPS.map(([title, terms]) => ({
    title,
    entries: Object.entries(terms).filter(([, { name, means }]) =>
      wanted.every((word) => `${name} ${means}`.toLowerCase().includes(word)),
    ),
  })).filter(({ entries }) => entries.length > 0);
  return (
    <Dialog title="Xen’s words" onClose={() => openDialog("none")} wide>
      <input
        type="search"
        className="words-filter"
        placeholder="Find a word"
        aria-label="Find a word"
        value={filter}
        onChange={({ target }) => setFilter(target.value)}
      />
      <div className="words" tabIndex={0} role="group" aria-label="Words and what they mean">
        {groups.map(({ title, entries }) => (
          <section key={title}>
            <h3>{title}</h3>
            <dl>
              {entries.map(([id, { name, means }]) => (
                <div key={id}>
                  <dt>{name}</dt>
                  <dd>{means}</dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
        {groups.length === 0 && <p className="muted">No word is so, and none means that.</p>}
      </div>
    </Dialog>
  );
}
