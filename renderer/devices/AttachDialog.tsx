import { useEffect } from "react";
import { useApp } from "../state/store.ts";
import { closeAttach, useAttach } from "./attach-state.ts";
import { AttachDisk } from "./AttachDisk.tsx";
import { AttachFolder } from "./AttachFolder.tsx";
import { AttachKeyboard } from "./AttachKeyboard.tsx";
import { AttachNetwork } from "./AttachNetwork.tsx";

const DIALOGS = { vif: AttachNetwork, vkb: AttachKeyboard, p9: AttachFolder };

/** Asks for a device to attach to a running domain, when a user wants one. */
export function AttachDialog() {
  const asked = useAttach((state) => state.asked);
  const domain = useApp(({ domains }) => domains.find(({ domid }) => domid === asked?.domid));
  // Nothing more is asked for a domain that is gone: what is dropped then is for others.
  useEffect(() => {
    if (asked && !domain) closeAttach();
  }, [asked, domain]);
  if (!asked || !domain) return null;
  if (asked.key === "disk")
    // Another image may be dropped while it is open. What else was chosen stays.
    return <AttachDisk key={`${asked.domid} ${asked.drive}`} domain={domain} asked={asked} onClose={closeAttach} />;
  const Attach = DIALOGS[asked.key];
  return <Attach domain={domain} onClose={closeAttach} />;
}
