import { Power, RotateCw, SlidersHorizontal } from "lucide-react";
import { useState } from "react";
import type { HostState } from "../../core/api/schema.ts";
import { useShownPower } from "../state/power-words.ts";
import { act } from "../state/session.ts";
import { show } from "../state/store.ts";
import { askPowerOff, askReboot } from "./ask-power.ts";

/** What the host is now, and its power. */
export function HostHead({ host }: { host: HostState }) {
  const { power, stages, bootEntries, bootEntry } = host;
  const shown = useShownPower();
  const size = power === "running" ? host : host.next;
  return (
    <header className="page-header">
      <h1>Host</h1>
      <span className={`badge power-${shown.looks}`}>{shown.word}</span>
      <span className="page-sub">
        {size.memoryMiB} MiB, {size.pcpus} {size.pcpus === 1 ? "pCPU" : "pCPUs"}
        {stages.length > 0 && `, booted “${bootEntries[bootEntry]?.title}”`}
      </span>
      <span className="spacer" />
      {power === "off" || power === "crashed" ? (
        <PowerOn host={host} />
      ) : (
        <>
          <button type="button" disabled={power !== "running"} onClick={askReboot}>
            <RotateCw size={15} aria-hidden /> Reboot
          </button>
          <button type="button" disabled={power !== "running"} onClick={askPowerOff}>
            <Power size={15} aria-hidden /> Power off
          </button>
        </>
      )}
    </header>
  );
}

/** Of a host that is off: with which entry of the boot menu it comes up. */
function PowerOn({ host }: { host: HostState }) {
  const { bootEntries } = host;
  const [chosen, setChosen] = useState<number | null>(null);
  const bootEntry = chosen ?? host.bootEntry;
  return (
    <>
      <button type="button" onClick={() => show({ page: "host", tab: "boot" })}>
        <SlidersHorizontal size={15} aria-hidden /> Size and boot menu
      </button>
      {bootEntries.length > 1 && (
        <select
          className="boot-entry"
          aria-label="Boot entry"
          value={bootEntry}
          onChange={({ target }) => setChosen(Number(target.value))}
        >
          {bootEntries.map(({ title }, number) => (
            <option key={number} value={number}>
              {title}
            </option>
          ))}
        </select>
      )}
      <button type="button" className="primary" onClick={() => void act("hostPowerOn", { bootEntry })}>
        <Power size={15} /> Power on
      </button>
    </>
  );
}
