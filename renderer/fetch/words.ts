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
