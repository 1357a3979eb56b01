import { Network, Plus } from "lucide-react";
import { useHostNetworks } from "../state/host-networks.ts";
import type { Finding } from "./checks.ts";
import type { VifRow } from "./devices.ts";
import { DeviceRows } from "./DeviceRows.tsx";

type Vif = ReadonlyMap<string, string>;

const DEFAULT_BRIDGE = "xenbr0";

/** Lists a domain's network interfaces, one in a row. `set` works as in DisksForm. */
export function VifsForm({
  rows,
  finding,
  set,
}: {
  rows: readonly VifRow[];
  finding: Finding | undefined;
  set: (index: number, vif: Vif | null) => void;
}) {
  const networks = useHostNetworks();
  const bridges = networks.map(({ name, mode }) => ({ name, words: `${name}, ${MODE_WORDS[mode]}` }));
  return (
    <DeviceRows
      title="Networks"
      rows={rows}
      finding={finding}
      remove={(index) => set(index, null)}
      foot={
        <div className="button-row">
          <button type="button" onClick={() => set(rows.length, new Map([["bridge", DEFAULT_BRIDGE]]))}>
            <Plus size={14} aria-hidden /> Network interface
          </button>
        </div>
      }
    >
      {(vif, index) => (
        <VifFields key={index} index={index} vif={vif} bridges={bridges} onChange={(next) => set(index, next)} />
      )}
    </DeviceRows>
  );
}

export const MODE_WORDS = { nat: "with a way out", isolated: "isolated", bare: "a bridge alone" } as const;

function VifFields({
  index,
  vif,
  bridges,
  onChange,
}: {
  index: number;
  vif: Vif;
  bridges: readonly { name: string; words: string }[];
  onChange: (vif: Vif | null) => void;
}) {
  const bridge = vif.get("bridge") ?? DEFAULT_BRIDGE;
  const isKnown = bridges.some(({ name }) => name === bridge);
  const change = (key: string, value: string): void => onChange(new Map([...vif, [key, value]]));
  return (
    <div className="device-row" role="group" aria-label={`Network interface ${index}`}>
      <div className="device-row-line">
        <Network size={15} aria-hidden />
        <select
          aria-label={`Bridge of interface ${index}`}
          value={bridge}
          onChange={({ target }) => change("bridge", target.value)}
        >
          {!isKnown && <option value={bridge}>{bridge}</option>}
          {bridges.map(({ name, words }) => (
            <option key={name} value={name}>
              {words}
            </option>
          ))}
        </select>
        <input
          className="mono"
          aria-label={`MAC address of interface ${index}`}
          placeholder="MAC address: a new one"
          spellCheck={false}
          value={vif.get("mac") ?? ""}
          onChange={({ target }) => change("mac", target.value.trim())}
        />
        <button type="button" aria-label={`Remove interface ${index}`} onClick={() => onChange(null)}>
          Remove
        </button>
      </div>
    </div>
  );
}
