import type { ListedNetwork } from "../../core/api/schema.ts";
import { useApp } from "../state/store.ts";

interface NetworkNames {
  /** The name of the domain that has the network. */
  ownerOf: (network: ListedNetwork) => string;
  /** The network's name, with its owner's where that is not dom0. */
  nameOf: (network: ListedNetwork) => string;
}

export function useNetworkNames(): NetworkNames {
  const domains = useApp((state) => state.domains);
  const ownerOf = ({ backend }: ListedNetwork): string =>
    domains.find(({ domid }) => domid === backend)?.name ?? `domain ${backend}`;
  const nameOf = (network: ListedNetwork): string =>
    network.backend === 0 ? network.name : `${network.name} of ${ownerOf(network)}`;
  return { ownerOf, nameOf };
}
