import { useState } from "react";
import type { ListedNetwork } from "../../core/api/schema.ts";
import { change } from "./deeds.ts";

/** Lists ports of this computer's own loopback that guests may reach. There are none unless somebody allows one. */
export function Services({
  network: { name, gateway },
  again,
}: {
  network: ListedNetwork;
  again: () => Promise<void>;
}) {
  const [port, setPort] = useState("");
  if (!gateway) return null;
  return (
    <div className="network-part">
      <h3>This computer’s own services</h3>
      {gateway.services.length === 0 ? (
        <p className="muted">Guests reach none of them.</p>
      ) : (
        <ul className="network-lines">
          {gateway.services.map((service) => (
            <li key={service.port}>
              <span className="mono">
                {gateway.address}:{service.port}
              </span>
              <span className="muted">is, for its guests,</span>
              <span className="mono">127.0.0.1:{service.hostPort}</span>
              <button
                type="button"
                aria-label={`Let guests reach port ${service.port} no more`}
                onClick={() =>
                  void change("networkService", { network: name, port: service.port, hostPort: null }, again)
                }
              >
                Remove
              </button>
            </li>
          ))}
        </ul>
      )}
      <form
        className="network-form"
        aria-label={`Let guests of ${name} reach a port`}
        onSubmit={(event) => {
          event.preventDefault();
          void change("networkService", { network: name, port: Number(port), hostPort: Number(port) }, again);
          setPort("");
        }}
      >
        <span className="muted">Let guests reach port</span>
        <input
          aria-label="Port of this computer that guests may reach"
          inputMode="numeric"
          pattern="\d{1,5}"
          required
          value={port}
          onChange={({ target }) => setPort(target.value)}
        />
        <button type="submit">Allow</button>
      </form>
    </div>
  );
}
