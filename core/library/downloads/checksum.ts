/** Checksums of files: typed by people, or read from lists that lie beside files (SHA256SUMS, SHA512SUMS). */
import { nameAt } from "./address.ts";
import { Refusal } from "../../toolstack/error.ts";

export interface Checksum {
  readonly algorithm: "sha256" | "sha512";
  /** In lower case. */
  readonly hex: string;
}

/** Throws Refusal EINVAL. */
export function readChecksum(text: string): Checksum {
  const [, named, hex] = /^\s*(?:(sha-?256|sha-?512)[:=]\s*)?([0-9a-f]+)\s*$/i.exec(text) ?? [];
  const algorithm = hex?.length === 64 ? "sha256" : hex?.length === 128 ? "sha512" : null;
  if (!hex || !algorithm || (named && named.toLowerCase().replace("-", "") !== algorithm))
    throw new Refusal(
      "EINVAL",
      `"${text.slice(0, 140)}" is no checksum; allowed: SHA-256 as 64, or SHA-512 as 128 hexadecimal digits.`,
    );
  return { algorithm, hex: hex.toLowerCase() };
}

/** Lines as sha256sum(1) writes them, in its own form or BSD's. */
const LINES = [
  /^\\?(?<hex>[0-9a-f]{64}|[0-9a-f]{128})[ \t]+[ *]?(?<name>.+)$/i,
  /^SHA(?:256|512) ?\((?<name>.+)\) ?= ?(?<hex>[0-9a-f]{64}|[0-9a-f]{128})$/i,
  // A list with the checksum of one file and without its name.
  /^(?<hex>[0-9a-f]{64}|[0-9a-f]{128})(?<name>)$/i,
];

/**
 * Finds the checksum of the file at one address in the list at another: by the file's place relative to the list, else by its name if the name occurs
 * once. Throws Refusal ENOENT.
 */
export function findChecksum(list: string, listAt: URL, fileAt: URL): Checksum {
  const found: { name: string; checksum: Checksum }[] = [];
  for (const line of list.split("\n")) {
    const match = LINES.map((form) => form.exec(line.trim())).find((each) => each !== null);
    if (match) found.push({ name: match.groups!.name!, checksum: readChecksum(match.groups!.hex!) });
  }
  const place = (name: string): string | null => (URL.canParse(name, listAt) ? new URL(name, listAt).pathname : null);
  const there = found.find(({ name }) => name !== "" && place(name) === fileAt.pathname);
  if (there) return there.checksum;
  const wanted = nameAt(fileAt);
  const named = found.filter(({ name }) => name === "" || name.split("/").at(-1) === wanted);
  const [one] = named;
  if (one && new Set(named.map(({ checksum }) => checksum.hex)).size === 1) return one.checksum;
  throw new Refusal(
    "ENOENT",
    one
      ? `${listAt.href} has several files that are called ${wanted}, and none of them is at ${fileAt.pathname}.`
      : `${listAt.href} says nothing of ${wanted}.`,
  );
}
