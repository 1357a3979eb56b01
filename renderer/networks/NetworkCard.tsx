import { CircleDot, Trash2 } from "lucide-react";
import type { ListedNetwork } from "../../core/api/schema.ts";
import { MODE_WORDS } from "../create/VifsForm.tsx";
import { ask, show, useApp } from "../state/store.ts";
import { sizeText } from "../ui/units.ts";
import { change } from "./deeds.ts";
import { Forwards } from "./Forwards.tsx";
import { useNetworkNames } from "./network-names.ts";
import { Services } from "./Services.tsx";
import { Table, type Columns } from "../ui/Table.tsx";

const MEMBER_COLUMNS: Columns = [
  "Interface",
  "Domain",
  "MAC address",
  "IPv4 address",
  "Calls itself",
  { title: "From it", isNumber: true },
  { title: "To it", isNumber: true },
  { title: "Capture", isOnlyHeard: true },
];

const DEFAULT_BRIDGE = "xenbr0";

/** Shows one network: its bridge, its members, and what its gateway does. */
export function NetworkCard({ network, again }: { network: ListedNetwork; again: () => Promise<void> }) {
  const { name, mode, ipv4, gateway, backend } = network;
  const { ownerOf, nameOf } = useNetworkNames();
  const isOwn = backend === 0;
  const remove = (): void =>
    ask({
      title: `Remove the network ${name}?`,
      text: "Its forwarded ports and captures end. It can be made again under the same name.",
      action: "Remove",
      onConfirm: () => void change("networkRemove", { name }, again),
    });
  return (
    <section className="card network" aria-label={`Network ${nameOf(network)}`}>
      <header className="card-header">
        <h2>{name}</h2>
        {!isOwn && (
          <button
            type="button"
            className="plain"
            title="The driver domain that has this network. It is its own: nothing in it is set up from here."
            onClick={() => show({ page: "domain", domid: backend, tab: "overview" })}
          >
            of {ownerOf(network)}
          </button>
        )}
        <span className="badge">{MODE_WORDS[mode]}</span>
        <span className="muted">
          {ipv4 ?? "no addresses are handed out"}
          {gateway && `, gateway ${gateway.address}`}
        </span>
        <span className="spacer" />
        {isOwn && mode !== "bare" && (
          <label
            className="check"
            title="Guests reach other computers through this one: TCP, UDP and pings, with no rights needed"
          >
            <input
              type="checkbox"
              role="switch"
              checked={mode === "nat"}
              onChange={({ target }) => askMode(network, target.checked, again)}
            />
            Way out
          </label>
        )}
        <button
          type="button"
          title="Writes what goes over the bridge into a file for Wireshark"
          onClick={() => void change("networkCapture", { backend, network: name, port: null }, again)}
        >
          <CircleDot size={14} aria-hidden /> Capture
        </button>
        {isOwn && name !== DEFAULT_BRIDGE && (
          <button type="button" aria-label={`Remove ${name}`} onClick={remove}>
            <Trash2 size={14} aria-hidden /> Remove…
          </button>
        )}
      </header>
      <Members network={network} again={again} />
      {isOwn && gateway && <Forwards network={network} again={again} />}
      {isOwn && gateway && <Services network={network} again={again} />}
      {gateway && (
        <p className="muted">
          {countOf(gateway.connections.length, "TCP connection")} and {countOf(gateway.udpSockets, "UDP flow")} go
          through this computer now; {gateway.refused} were refused, {gateway.dropped} frames dropped.
        </p>
      )}
    </section>
  );
}

function countOf(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}

function askMode({ name, gateway }: ListedNetwork, isOut: boolean, again: () => Promise<void>): void {
  const set = (): void => void change("networkMode", { name, mode: isOut ? "nat" : "isolated" }, again);
  const open = gateway ? gateway.connections.length + gateway.udpSockets : 0;
  if (isOut || open === 0) set();
  else
    ask({
      title: `Close the way out of ${name}?`,
      text: `${countOf(open, "connection")} of its guests end at once.`,
      action: "Close it",
      onConfirm: set,
    });
}

/** Lists who is on the bridge: interfaces of domains, with what was seen of them and what they were given. */
function Members({ network, again }: { network: ListedNetwork; again: () => Promise<void> }) {
  const domains = useApp((state) => state.domains);
  const { ownerOf } = useNetworkNames();
  const { name, ports, gateway, captures, backend } = network;
  const leases = gateway?.leases ?? [];
  const members = ports.filter((port) => port.name !== "gateway");
  if (members.length === 0)
    return (
      <p className="muted">
        Nobody is on it. A domain gets an interface by{" "}
        <span className="mono">vif = ["{backend === 0 ? `bridge=${name}` : `backend=${ownerOf(network)}`}"]</span>
        {backend === 0 && ", in the New domain dialog or on its Devices tab"}.
      </p>
    );
  return (
    <Table label={`Interfaces on ${name}`} columns={MEMBER_COLUMNS}>
      {members.map((port) => {
        const domid = Number(/^vif(\d+)\./.exec(port.name)?.[1] ?? NaN);
        const domain = domains.find((each) => each.domid === domid);
        const own = leases.filter(({ mac }) => port.addresses.includes(mac));
        const isCaptured = captures.some((capture) => capture.port === port.name);
        return (
          <tr key={port.name}>
            <th scope="row" className="mono">
              {port.name}
            </th>
            <td>
              {domain ? (
                <button type="button" className="plain" onClick={() => show({ page: "domain", domid, tab: "devices" })}>
                  {domain.name}
                </button>
              ) : (
                "–"
              )}
            </td>
            <td className="mono">{port.addresses.join(" ") || "not seen yet"}</td>
            <td className="mono">{own.map(({ address }) => address).join(" ") || "–"}</td>
            <td>{own.flatMap(({ hostName }) => hostName ?? []).join(" ") || "–"}</td>
            <td className="number">{sizeText(port.bytesIn)}</td>
            <td className="number">{sizeText(port.bytesOut)}</td>
            <td>
              <button
                type="button"
                disabled={isCaptured}
                aria-label={`Capture ${port.name}`}
                onClick={() => void change("networkCapture", { backend, network: name, port: port.name }, again)}
              >
                {isCaptured ? "Captured" : "Capture"}
              </button>
            </td>
          </tr>
        );
      })}
    </Table>
  );
}
