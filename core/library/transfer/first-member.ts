/** What kind of archive it is, which its first member decides. */
import { Refusal } from "../../toolstack/error.ts";
import { DESCRIPTION_MEMBER } from "./package.ts";

/** The kind of archive, in words that its users know. */
export type ArchiveKind = "Xenarium" | "OVA" | "XVA";

/** `called`: the archive's name. Throws Refusal, which says how such an archive should begin where it looks like one. */
export function kindOf(first: string, called: string): ArchiveKind {
  if (first === DESCRIPTION_MEMBER) return "Xenarium";
  if (first === "ova.xml") return "XVA";
  if (/^[^/]+\.ovf$/i.test(first)) return "OVA";
  throw new Refusal(
    "EINVAL",
    `${called} is no domain that can be imported: it begins with ${first}. ${allowed(first)}`,
  );
}

function allowed(first: string): string {
  if (/\.ovf$/i.test(first))
    return "An OVA has its description (.ovf) and its disks in no folder: pack them without theirs.";
  if (/\.(mf|cert|vmdk)$/i.test(first))
    return "An OVA begins with its description (.ovf), and the other files follow: pack it in that order.";
  if (/^Ref:/.test(first)) return "An XVA begins with its description, ova.xml: this one has lost it.";
  return "Allowed: archives of “xenarium export”, OVA and XVA.";
}
