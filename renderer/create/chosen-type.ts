/** The xl.cfg of a new domain when another type is chosen. What a native domain can't have is taken out of it, and is there again for a guest. */
import { readConfig, withValue } from "../../core/api/config-text.ts";
import { fieldsOf, NATIVE } from "./fields.ts";
import { withServedDisks } from "./served-disks.ts";

/** The keys that a native domain can't have, because it boots nothing and has no frontends. Its disks are images that it serves. */
const OF_GUESTS = [
  ...["kernel", "ramdisk", "cmdline", "root", "extra", "bootloader", "bootloader_args"],
  ...["vcpus", "maxvcpus", "vif", "vfb", "vnc", "p9", "channel"],
];

/** A draft's text, and what it was before it became a native domain's. */
export interface TypedText {
  text: string;
  /** The text of the guest, and the native domain's that was made of it; null if the draft has not become a native domain's by a choice. */
  before: { guest: string; native: string } | null;
}

/** Returns the draft with that type. */
export function withType(draft: TypedText, type: string): TypedText {
  const { text, before } = draft;
  const chosen = withValue(text, "type", type);
  const wasNative = fieldsOf(readConfig(text)).type === NATIVE;
  if (type === NATIVE) {
    const native = withServedDisks(OF_GUESTS.reduce((rest, key) => withValue(rest, key, null), chosen));
    return { text: native, before: wasNative ? before : { guest: text, native } };
  }
  if (!wasNative) return { text: chosen, before };
  if (!before) return { text: withValue(chosen, "kernel", readConfig(text).values.get("kernel") ?? ""), before };
  // If nothing was edited since, the guest's text is there again as it was written, with its comments and its order.
  if (text === before.native) return { text: withValue(before.guest, "type", type), before: null };
  return { text: withKeysOf(chosen, before.guest), before: null };
}

/** Returns the text with what the guest's has of a guest's keys, but for those that are in the text already. */
function withKeysOf(text: string, guest: string): string {
  const [own, others] = [readConfig(text).values, readConfig(guest).values];
  return OF_GUESTS.reduce((all, key) => {
    const value = others.get(key);
    return value === undefined || own.has(key) ? all : withValue(all, key, value);
  }, text);
}
