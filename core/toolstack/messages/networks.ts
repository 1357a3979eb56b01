/** Messages about virtual networks. */
import type { Forward } from "../../dom0/network/gateway/forwards.ts";
import type { NetworkDefinition, NetworkReport } from "../../dom0/network/networks.ts";

/**
 * A network, and the domid of the domain that has it. What a native driver domain has is its own: it is shown and captured, and nothing else is done
 * with it.
 */
export interface ListedNetwork extends NetworkReport {
  readonly backend: number;
}

/** Requests: name → arguments and result. */
export interface NetworkRequests {
  /** Virtual networks: their bridges, who is connected to them, and what leads out of them and into them. */
  networkList: { args: Record<string, never>; result: ListedNetwork[] };
  networkCreate: { args: NetworkDefinition; result: null };
  networkRemove: { args: { name: string }; result: null };
  /** Opens the way out of a network with a gateway, or closes it together with the connections that guests have through it. */
  networkMode: { args: { name: string; mode: "nat" | "isolated" }; result: null };
  networkLoss: { args: { name: string; percent: number }; result: null };
  /** Forwards a port of this computer to a port of a guest. With port 0 any free port is taken, which the result names. */
  networkForward: { args: { network: string; forward: Forward }; result: Forward };
  networkUnforward: {
    args: { network: string; protocol: "tcp" | "udp"; hostAddress: string; hostPort: number };
    result: null;
  };
  /** Guests reach `hostPort` on this computer's loopback at the gateway's `port`. null: they do so no more. */
  networkService: { args: { network: string; port: number; hostPort: number | null }; result: null };
  /**
   * Writes the traffic of a bridge, or of one interface on it, into a new file in pcap's format. `backend` is the domid of the native domain that has
   * the bridge; 0: this one.
   */
  networkCapture: { args: { backend: number; network: string; port: string | null; file: string }; result: null };
  networkCaptureEnd: { args: { file: string }; result: null };
}
