/** What the menu of a device's part offers: its two ends, what they wrote, and removing the device. */
import type { DeviceWiring } from "../../core/api/schema.ts";
import { say } from "../state/messages.ts";
import { act } from "../state/session.ts";
import { ask, show } from "../state/store.ts";
import type { MenuItem } from "../ui/ContextMenu.tsx";
import { showNode } from "../xenstore/kept.ts";

/** For the kinds of devices that can come and go while a guest runs, the key of their list in xl.cfg. */
const HOT_PLUGGED: Readonly<Record<string, string>> = { vbd: "disk", vif: "vif", vkbd: "vkb", "9pfs": "p9" };

export function deviceMenu(device: DeviceWiring): MenuItem[] {
  const { domid, name, backendDomid, backendName, frontendPath, backendPath, kind, title } = device;
  const key = HOT_PLUGGED[kind];
  return [
    { label: `Open ${name}, its frontend’s domain`, run: () => show({ page: "domain", domid, tab: "devices" }) },
    {
      label: `Open ${backendName}, its backend’s domain`,
      run: () => show({ page: "domain", domid: backendDomid, tab: "devices" }),
    },
    { label: "Show the frontend in xenstore", run: () => showNode(frontendPath) },
    ...(backendPath === null ? [] : [{ label: "Show the backend in xenstore", run: () => showNode(backendPath) }]),
    { label: "Copy the frontend’s path", run: () => void copy(frontendPath) },
    ...(backendPath === null ? [] : [{ label: "Copy the backend’s path", run: () => void copy(backendPath) }]),
    ...(key === undefined
      ? []
      : [
          {
            label: "Detach…",
            danger: true,
            run: () =>
              ask({
                title: `Detach this device of ${name}?`,
                text: `${title} ${device.id} is taken from ${name} while it runs: its kernel is asked to let go of it first. What it has mounted or open there fails afterwards.`,
                action: "Detach",
                onConfirm: () => void act("deviceDetach", { domid, key, device: device.id }),
              }),
          },
        ]),
  ];
}

async function copy(text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    say("info", "Copied.");
  } catch {
    say("error", "The clipboard may not be written here.");
  }
}
