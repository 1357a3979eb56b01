import "../styles/networks.css";
import { Plus } from "lucide-react";
import { useState } from "react";
import { useHostRuns } from "../state/live.ts";
import { usePolled } from "../state/polled.ts";
import { Captures } from "./Captures.tsx";
import { NetworkCard } from "./NetworkCard.tsx";
import { NewNetwork } from "./NewNetwork.tsx";

/** Shows the host's virtual networks: bridges, who is on them, what leads out and in, and what is captured. */
export function NetworksTab() {
  const runs = useHostRuns();
  const { value: networks, again } = usePolled("networkList", {});
  const [isMaking, setMaking] = useState(false);
  if (!runs)
    return (
      <p className="page-empty">
        There are no networks while the host does not run. Those that were made come back with it.
      </p>
    );
  if (!networks) return <p className="page-empty">Asking for the networks…</p>;
  const own = networks.filter(({ backend }) => backend === 0).length;
  return (
    <div className="networks">
      <div className="networks-tools">
        <span className="muted">
          {own === 1 ? "One network" : `${own} networks`}. They stay when the host goes off.
        </span>
        <span className="spacer" />
        <button type="button" onClick={() => setMaking(true)}>
          <Plus size={14} aria-hidden /> New network…
        </button>
      </div>
      {networks.map((network) => (
        <NetworkCard key={`${network.backend}/${network.name}`} network={network} again={again} />
      ))}
      <Captures networks={networks} />
      {isMaking && (
        <NewNetwork
          onClose={() => {
            setMaking(false);
            void again();
          }}
        />
      )}
    </div>
  );
}
