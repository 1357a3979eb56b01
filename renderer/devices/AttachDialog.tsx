import { useApp } from "../state/store.ts";
import { closeAttach, useAttach } from "./attach-state.ts";
import { AttachDisk } from "./AttachDisk.tsx";
import { AttachNetwork } from "./AttachNetwork.tsx";

/** Asks for a disk or an interface to attach to a running domain, when a user wants one. */
export function AttachDialog() {
  const asked = useAttach((state) => state.asked);
  const domain = useApp(({ domains }) => domains.find(({ domid }) => domid === asked?.domid));
  if (!asked || !domain) return null;
  return asked.key === "vif" ? (
    <AttachNetwork domain={domain} onClose={closeAttach} />
  ) : (
    <AttachDisk key={asked.time} domain={domain} asked={asked} onClose={closeAttach} />
  );
}
