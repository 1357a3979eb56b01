import { useEffect, useState } from "react";
import type { DomainHandshakes } from "../../core/api/schema.ts";
import { useLive } from "../state/live.ts";
import { request } from "../state/session.ts";
import { HandshakeCard } from "./HandshakeCard.tsx";

/** Shows how the devices of a domain that is gone were negotiated and given up. */
export function EndedDevices({ domid }: { domid: number }) {
  const live = useLive();
  const [known, setKnown] = useState<DomainHandshakes | "nothing" | null>(null);
  useEffect(() => {
    if (!live) return;
    let current = true;
    request("handshakes", { domid }).then(
      (result) => current && setKnown(result.devices.length ? result : "nothing"),
      () => current && setKnown("nothing"),
    );
    return () => {
      current = false;
    };
  }, [domid, live]);
  if (known === "nothing") return <p className="page-empty">Nothing is known of its devices any more.</p>;
  if (!known) return <p className="page-empty">{live ? "Reading its devices’ history…" : "The host does not run."}</p>;
  return (
    <div className="devices">
      <p className="muted">Its rings, ports and grants went with it; this is what both ends of its devices wrote.</p>
      <HandshakeCard devices={known.devices} asked={null} />
    </div>
  );
}
