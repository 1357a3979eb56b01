import { useState } from "react";
import { writeVif } from "../../core/api/device-text.ts";
import type { DomainInfo } from "../../core/api/schema.ts";
import { MODE_WORDS } from "../create/VifsForm.tsx";
import { useRepeated } from "../state/repeated.ts";
import { request, sentence } from "../state/session.ts";
import { toast } from "../state/store.ts";
import { Dialog } from "../ui/Dialog.tsx";

/** Attaches a network interface to a running domain. */
export function AttachNetwork({ domain, onClose }: { domain: DomainInfo; onClose: () => void }) {
  const networks = useRepeated("networkList", {}, 5000) ?? [];
  const [bridge, setBridge] = useState("xenbr0");
  const [mac, setMac] = useState("");
  const [refusal, setRefusal] = useState<string | null>(null);
  const [isBusy, setBusy] = useState(false);
  const attach = async (): Promise<void> => {
    const spec = writeVif(new Map([...(mac ? [["mac", mac] as const] : []), ["bridge", bridge]]));
    setBusy(true);
    setRefusal(null);
    try {
      await request("deviceAttach", { domid: domain.domid, key: "vif", spec, folder: "/" });
      toast("info", `${domain.name} has an interface on ${bridge}.`);
      onClose();
    } catch (error) {
      setRefusal(sentence(error));
    } finally {
      setBusy(false);
    }
  };
  return (
    <Dialog title={`Attach a network interface to ${domain.name}`} onClose={onClose}>
      <form
        className="form attach"
        onSubmit={(event) => {
          event.preventDefault();
          void attach();
        }}
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
        {refusal !== null && (
          <p className="field-error" role="alert">
            {refusal}
          </p>
        )}
        <footer className="dialog-footer">
          <button type="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" className="primary" disabled={isBusy}>
            Attach
          </button>
        </footer>
      </form>
    </Dialog>
  );
}
