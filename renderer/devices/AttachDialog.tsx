import { useEffect } from "react";
import { useApp } from "../state/store.ts";
import { closeAttach, useAttach } from "./attach-state.ts";
import { AttachDisk } from "./AttachDisk.tsx";
import { AttachNetwork } from "./AttachNetwork.tsx";

/** Asks for a disk or an interface to attach to a running domain, when a user wants one. */
export function AttachDialog() {
  const asked = useAttach((state) => state.asked);
  const domain = useApp(({ domains }) => domains.find(({ domid }) => domid === asked?.domid));
  // Nothing more is asked for a domain that is gone: what is dropped then is for others.
  useEffect(() => {
    if (asked && !domain) closeAttach();
  }, [asked, domain]);
  if (!asked || !domain) return null;
  return asked.key === "vif" ? (
    <AttachNetwork domain={domain} onClose={closeAttach} />
  ) : (
    // Another image may be dropped while it is open. What else was chosen stays.
    <AttachDisk key={`${asked.domid} ${asked.drive}`} domain={domain} asked={asked} onClose={closeAttach} />
  );
}
