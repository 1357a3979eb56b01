import { useState } from "react";
import type { Forward, ListedNetwork } from "../../core/api/schema.ts";
import { request, sentence } from "../state/session.ts";
import { change } from "./deeds.ts";

/** Lists ports of this computer that lead to guests of the network. */
export function Forwards({ network, again }: { network: ListedNetwork; again: () => Promise<void> }) {
  const { name, gateway, waiting } = network;
  const all = [
    ...(gateway?.forwards ?? []).map((forward) => ({ forward, problem: null })),
    ...waiting.map(({ forward, problem }) => ({ forward, problem })),
  ];
  return (
    <div className="network-part">
      <h3>Forwarded ports</h3>
      {all.length > 0 && (
        <ul className="network-lines">
          {all.map(({ forward, problem }) => (
            <li key={keyOf(forward)}>
              <span className="mono">
                {forward.protocol} {endpoint(forward.hostAddress, forward.hostPort)}
              </span>
              <span className="muted">leads to</span>
              <span className="mono">{endpoint(forward.guestAddress, forward.guestPort)}</span>
              {problem !== null && <span className="field-error">{problem}</span>}
              <button
                type="button"
                aria-label={`Forward ${forward.protocol} port ${forward.hostPort} no more`}
                onClick={() => {
                  const { protocol, hostAddress, hostPort } = forward;
                  void change("networkUnforward", { network: name, protocol, hostAddress, hostPort }, again);
                }}
              >
                Remove
              </button>
            </li>
          ))}
        </ul>
      )}
      <NewForward network={network} again={again} />
    </div>
  );
}

function NewForward({ network: { name, gateway }, again }: { network: ListedNetwork; again: () => Promise<void> }) {
  const leases = gateway?.leases ?? [];
  const [protocol, setProtocol] = useState<Forward["protocol"]>("tcp");
  const [hostPort, setHostPort] = useState("");
  const [typed, setGuest] = useState<string | null>(null);
  const [guestPort, setGuestPort] = useState("22");
  const [refusal, setRefusal] = useState<string | null>(null);
  const guest = typed ?? leases[0]?.address ?? "";
  const add = async (): Promise<void> => {
    setRefusal(null);
    const forward = {
      protocol,
      hostAddress: "127.0.0.1",
      hostPort: hostPort === "" ? 0 : Number(hostPort),
      guestAddress: guest,
      guestPort: Number(guestPort),
    };
    try {
      await request("networkForward", { network: name, forward });
      setHostPort("");
    } catch (error) {
      setRefusal(sentence(error));
    }
    await again();
  };
  return (
    <form
      className="network-form"
      aria-label={`Forward a port to ${name}`}
      onSubmit={(event) => {
        event.preventDefault();
        void add();
      }}
    >
      <select
        aria-label="Protocol"
        value={protocol}
        onChange={({ target }) => setProtocol(target.value === "udp" ? "udp" : "tcp")}
      >
        <option>tcp</option>
        <option>udp</option>
      </select>
      <span className="mono">127.0.0.1:</span>
      <input
        aria-label="Port of this computer"
        placeholder="any"
        inputMode="numeric"
        pattern="\d{1,5}"
        value={hostPort}
        onChange={({ target }) => setHostPort(target.value)}
      />
      <span className="muted">to</span>
      <GuestAddress id={`leases-${name}`} leases={leases} value={guest} onChange={setGuest} />
      <span className="mono">:</span>
      <input
        aria-label="The guest’s port"
        inputMode="numeric"
        pattern="\d{1,5}"
        required
        value={guestPort}
        onChange={({ target }) => setGuestPort(target.value)}
      />
      <button type="submit">Forward</button>
      {refusal !== null && (
        <span className="field-error" role="alert">
          {refusal}
        </span>
      )}
    </form>
  );
}

/** The address of a guest: typed, or one of those that the network has given out. `id` is that of their list. */
function GuestAddress({
  id,
  leases,
  value,
  onChange,
}: {
  id: string;
  leases: NonNullable<ListedNetwork["gateway"]>["leases"];
  value: string;
  onChange: (address: string) => void;
}) {
  return (
    <>
      <input
        className="network-address mono"
        aria-label="The guest’s address"
        placeholder="10.0.2.15"
        list={id}
        required
        value={value}
        onChange={({ target }) => onChange(target.value.trim())}
      />
      <datalist id={id}>
        {leases.map(({ address, hostName }) => (
          <option key={address} value={address}>
            {hostName ?? ""}
          </option>
        ))}
      </datalist>
    </>
  );
}

export function endpoint(address: string, port: number): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}

function keyOf({ protocol, hostAddress, hostPort }: Forward): string {
  return `${protocol} ${hostAddress} ${hostPort}`;
}
