/** The words for what is fetched: sizes, and who vouches for it. */
import type { DownloadReport, GuestLook } from "../../core/api/schema.ts";
import { sizeText } from "../ui/units.ts";

export const KIND_WORDS = { kernel: "kernel", ramdisk: "RAM disk", disk: "disk or CD image" } as const;
export const ROLE_WORDS = { kernel: "Kernel", ramdisk: "RAM disk", disk: "Disk", cd: "CD" } as const;

/** "3 MiB of 9 MiB" */
export function amount({ done, total }: Pick<DownloadReport, "done" | "total">): string {
  return total === null ? sizeText(done) : `${sizeText(done)} of ${sizeText(total)}`;
}

type Looked = Pick<GuestLook["files"][number], "url" | "checksum" | "checked">;

/** Says who vouches that a file is what it should be. */
export function vouching({ url, checksum, checked }: Looked): string {
  const name = checksum?.algorithm === "sha512" ? "SHA-512" : "SHA-256";
  if (checked === "given") return `${name} of your list, checked while it comes`;
  if (checked === "listed") return `${name} from the list of checksums beside it, checked while it comes`;
  return url.startsWith("https:")
    ? "No checksum: nothing vouches for it but https"
    : "No checksum, and not by https: nothing vouches for it";
}

/** The name of the file that an address leads to, as far as the address says it. */
export function fileNameOf(address: string): string {
  return address
    .replace(/[?#].*/, "")
    .split("/")
    .at(-1)!;
}

/** A checksum as it is typed: an address is that of a list of them, all else is the checksum itself. */
export function checksOf(text: string): { checksums: string } | { checksum: string } | Record<never, never> {
  const given = text.trim();
  if (/^https?:/i.test(given)) return { checksums: given };
  return given ? { checksum: given } : {};
}

/** What is to be known of a file that comes without a checksum. */
export function unvouched(address: string): string {
  return /^http:/i.test(address)
    ? "Not by https and without a checksum: nothing vouches for what comes."
    : "Without a checksum nothing vouches for what comes but https.";
}
