import { Plus } from "lucide-react";
import { useState } from "react";
import type { HostState } from "../../../core/api/schema.ts";
import { act } from "../../state/session.ts";
import { BootEntry } from "./BootEntry.tsx";

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
        <BootEntry
          key={`${number} ${bootEntries.length}`}
          number={number}
          entry={entry}
          booted={number === bootEntry}
          removable={bootEntries.length > 1}
          onPower={off ? () => void act("hostPowerOn", { bootEntry: number }) : null}
        />
      ))}
      {adding && (
        <BootEntry
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
