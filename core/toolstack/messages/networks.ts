/** What is said of virtual networks. */
import type { Forward } from "../../dom0/network/gateway/forwards.ts";
import type { NetworkDefinition, NetworkReport } from "../../dom0/network/networks.ts";

/** Requests: name → arguments and result. */
export interface NetworkRequests {
  /** Virtual networks: their bridges, who is on them, what leads out of them and in. */
  networkList: { args: Record<string, never>; result: NetworkReport[] };
  networkCreate: { args: NetworkDefinition; result: null };
  networkRemove: { args: { name: string }; result: null };
  /** Opens the way out of a network with a gateway, or closes it with what guests have open through it. */
  networkMode: { args: { name: string; mode: "nat" | "isolated" }; result: null };
  networkLoss: { args: { name: string; percent: number }; result: null };
  /** A port of this computer leads to a guest's; port 0: any free one, which the result names. */
  networkForward: { args: { network: string; forward: Forward }; result: Forward };
  networkUnforward: {
    args: { network: string; protocol: "tcp" | "udp"; hostAddress: string; hostPort: number };
    result: null;
  };
  /** Guests reach `hostPort` of this computer's loopback at the gateway's `port`; null: no more. */
  networkService: { args: { network: string; port: number; hostPort: number | null }; result: null };
  /** A bridge's traffic, or one interface's on it, into a new file in pcap's format. */
  networkCapture: { args: { network: string; port: string | null; file: string }; result: null };
  networkCaptureEnd: { args: { file: string }; result: null };
}
