import { useState } from "react";
import type { NetworkMode } from "../../core/api/schema.ts";
import { request } from "../state/session.ts";
import { FormDialog } from "../ui/FormDialog.tsx";
import { NameField } from "../ui/NameField.tsx";

const MODES: [NetworkMode, string][] = [
  ["isolated", "Isolated: guests get addresses and reach each other, nothing else"],
  ["nat", "With a way out through this computer"],
  ["bare", "A bridge alone: nobody hands out addresses"],
];

/** Makes a network. */
export function NewNetwork({ onClose }: { onClose: () => void }) {
  const [name, setName] = useState("");
  const [mode, setMode] = useState<NetworkMode>("isolated");
  const [ipv4, setIpv4] = useState("");
  return (
    <FormDialog
      title="New network"
      action="Create"
      ready={name !== ""}
      deed={() => request("networkCreate", { name, mode, ...(ipv4 && mode !== "bare" && { ipv4 }) })}
      onClose={onClose}
    >
      <NameField label="Name of its bridge" placeholder="lab0" value={name} onValue={setName} />
      <fieldset className="choice">
        <legend>What it is for</legend>
        {MODES.map(([each, words]) => (
          <label key={each} className="check">
            <input type="radio" name="network-mode" checked={mode === each} onChange={() => setMode(each)} />
            {words}
          </label>
        ))}
      </fieldset>
      {mode !== "bare" && (
        <div className="field">
          <label htmlFor="network-ipv4">IPv4 addresses</label>
          <input
            id="network-ipv4"
            className="mono"
            placeholder="a free network, as 10.0.3.0/24"
            spellCheck={false}
            value={ipv4}
            onChange={({ target }) => setIpv4(target.value.trim())}
          />
        </div>
      )}
    </FormDialog>
  );
}
