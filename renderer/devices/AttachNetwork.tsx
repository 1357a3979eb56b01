import { useState } from "react";
import { writeVif } from "../../core/api/device-text.ts";
import type { DomainInfo } from "../../core/api/schema.ts";
import { MODE_WORDS } from "../create/VifsForm.tsx";
import { useHostNetworks } from "../state/host-networks.ts";
import { request } from "../state/session.ts";
import { toast } from "../state/store.ts";
import { FormDialog } from "../ui/FormDialog.tsx";

/** Attaches a network interface to a running domain. */
export function AttachNetwork({ domain, onClose }: { domain: DomainInfo; onClose: () => void }) {
  const networks = useHostNetworks();
  const [bridge, setBridge] = useState("xenbr0");
  const [mac, setMac] = useState("");
  const attach = async (): Promise<void> => {
    const spec = writeVif(new Map([...(mac ? [["mac", mac] as const] : []), ["bridge", bridge]]));
    await request("deviceAttach", { domid: domain.domid, key: "vif", spec, folder: "/" });
    toast("info", `${domain.name} has an interface on ${bridge}.`);
  };
  return (
    <FormDialog
      title={`Attach a network interface to ${domain.name}`}
      action="Attach"
      className="form attach"
      ready
      deed={attach}
      onClose={onClose}
    >
      <div className="field-pair">
        <div className="field">
          <label htmlFor="attach-bridge">Bridge</label>
          <select id="attach-bridge" value={bridge} onChange={({ target }) => setBridge(target.value)}>
            {networks.map(({ name, mode }) => (
              <option key={name} value={name}>
                {name}, {MODE_WORDS[mode]}
              </option>
            ))}
          </select>
        </div>
        <div className="field">
          <label htmlFor="attach-mac">MAC address</label>
          <input
            id="attach-mac"
            className="mono"
            placeholder="a new one"
            spellCheck={false}
            value={mac}
            onChange={({ target }) => setMac(target.value.trim())}
          />
        </div>
      </div>
    </FormDialog>
  );
}
