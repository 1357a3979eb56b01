/** What buttons do to a domain's devices. If data could be lost, the user is asked first. */
import { EMPTY_DISK } from "../create/devices.ts";
import { writeDisk } from "../../core/api/device-text.ts";
import { ApiError } from "../../core/api/client.ts";
import { request, sentence } from "../state/session.ts";
import { ask, toast } from "../state/store.ts";
import type { AttachKey } from "./attach-state.ts";

export interface Attached {
  domid: number;
  /** The name of its domain. */
  domain: string;
  key: AttachKey;
  id: string;
  /** The name that people use: "xvda", "interface 0". */
  name: string;
  isCd: boolean;
  /** Whether its medium can be changed: that of a driver domain's drive can't. */
  takesMedia: boolean;
  isDisposable: boolean;
  isReadOnly: boolean;
}

/** What the guest has no more without one. */
const LOST: Partial<Record<AttachKey, string>> = {
  vkb: " Without another, nothing that is typed or pointed at on its screen reaches it.",
  p9: " Unmount it in the guest first: what is open there fails afterwards. The folder itself stays as it is.",
};

export function askDetach(device: Attached): void {
  const { domain, name, key, isDisposable, isReadOnly, isCd } = device;
  const lost =
    LOST[key] ??
    (isDisposable
      ? " It is disposable: what was written to it is thrown away."
      : key === "disk" && !isReadOnly && !isCd
        ? " What the guest has written is on the image then. Unmount it in the guest first: a file system in use is cut off."
        : "");
  ask({
    title: `Detach ${name} from ${domain}?`,
    text: `The guest is asked to let go of it.${lost}`,
    action: "Detach",
    onConfirm: () => void detach(device, false),
  });
}

async function detach(device: Attached, force: boolean): Promise<void> {
  const { domid, domain, key, id, name } = device;
  try {
    await request("deviceDetach", { domid, key, device: id, force });
    toast("info", `${name} is detached from ${domain}.`);
  } catch (error) {
    // This waits until the present question has closed, because otherwise the next one would close with it.
    if (error instanceof ApiError && error.code === "ETIMEDOUT") setTimeout(() => askForce(device, error.message), 0);
    else toast("error", sentence(error));
  }
}

function askForce(device: Attached, reason: string): void {
  ask({
    title: `Take ${device.name} away from ${device.domain}?`,
    text: `${reason} Taken away by force, it fails for the guest at once, and what the guest has not written yet is lost.`,
    action: "Take it away",
    onConfirm: () => void detach(device, true),
  });
}

/** Leaves the drive empty. */
export async function eject({ domid, domain, name }: Attached): Promise<void> {
  const spec = writeDisk({ ...EMPTY_DISK, vdev: name, devtype: "cdrom" });
  try {
    await request("mediumInsert", { domid, key: "disk", spec, folder: "/" });
    toast("info", `The drive ${name} of ${domain} is empty.`);
  } catch (error) {
    toast("error", sentence(error));
  }
}
