/** The addresses that files may be fetched from: http and https only, whatever a list, a person or a server names. */
import { Refusal } from "../../toolstack/error.ts";

const MOST_CHARACTERS = 2048;
export const MOST_REDIRECTS = 10;

/** Throws Refusal EINVAL. What follows a "#" is left out, as it is never sent to a server. */
export function webAddress(text: string): URL {
  const shown = text.length > 200 ? `${text.slice(0, 200)}…` : text;
  const refuse = (why: string): Refusal => new Refusal("EINVAL", `${shown} is no address to fetch from: ${why}.`);
  if (text.length > MOST_CHARACTERS) throw refuse(`it is longer than ${MOST_CHARACTERS} characters`);
  const url = URL.canParse(text) ? new URL(text) : null;
  if (!url) throw refuse("it must be a whole one, as https://example.org/disk.qcow2");
  if (url.protocol !== "http:" && url.protocol !== "https:")
    throw refuse(`it begins with ${url.protocol}; allowed: http:, https:`);
  if (url.username || url.password) throw refuse("it holds a user's name or password, which would stand in lists");
  if (!url.hostname) throw refuse("it names no server");
  url.hash = "";
  return url;
}

/**
 * Returns the address that a server redirects to. Throws Refusal: ELOOP for a circle, EINVAL for an address that is not allowed, EACCES for a step
 * from https to http, which others may read and change.
 */
export function redirected(from: URL, location: string, seen: ReadonlySet<string>): URL {
  if (!URL.canParse(location, from))
    throw new Refusal("EINVAL", `${from.host} answers with another address that is none.`);
  const to = webAddress(new URL(location, from).href);
  if (from.protocol === "https:" && to.protocol === "http:")
    throw new Refusal(
      "EACCES",
      `${from.host} leads from https to ${to.href}: what comes by http may have been changed on its way.`,
    );
  if (seen.has(to.href)) throw new Refusal("ELOOP", `${from.host} sends in a circle: ${to.href} comes again.`);
  if (seen.size > MOST_REDIRECTS)
    throw new Refusal("ELOOP", `${from.host} sends on and on: ${MOST_REDIRECTS} times are allowed.`);
  return to;
}

/** Returns the name of the file at that address. */
export function nameAt({ pathname }: URL): string {
  const last = pathname.split("/").findLast((part) => part !== "") ?? "";
  try {
    return decodeURIComponent(last);
  } catch {
    return last;
  }
}
