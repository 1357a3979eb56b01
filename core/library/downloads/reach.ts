/**
 * Which addresses a download may reach, depending on who asks. The user's own command line may fetch from anywhere. A window is a web page, which an
 * attacker may control; for it the host reaches the internet, but not this computer, the user's network or a cloud's metadata services, except
 * servers that the user has written into the list of guests. What is judged is the address that is really connected to, because a name may resolve to
 * another address each time.
 */
import { lookup as resolve, type LookupAddress } from "node:dns";
import { isIP, type LookupFunction } from "node:net";
import { promisify } from "node:util";
import { Policy } from "../../dom0/network/gateway/policy.ts";
import { inSubnet, ipBytes, parseSubnet } from "../../dom0/network/packet/address.ts";
import { Refusal } from "../../toolstack/error.ts";

/** Private networks of a house, a company or a provider (RFC 1918, 6598, 2544, 4193). */
const PRIVATE = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "198.18.0.0/15", "fc00::/7"].map(
  (text) => parseSubnet(text)!,
);
/** This computer itself, and link-local, multicast and reserved addresses: the same that guests can't reach. */
const OUTSIDE = new Policy([], [], [], () => performance.now());

export interface Reach {
  /** Throws Refusal EACCES where the address in the URL itself may not be reached. */
  check(url: URL): void;
  /** The same check for a name that a proxy will resolve. */
  checkName(url: URL): Promise<void>;
  /** Resolves names for connections; fails for addresses that may not be reached. */
  lookup(url: URL): LookupFunction;
}

export const ANYWHERE: Reach = {
  check: () => {},
  checkName: async () => {},
  lookup: () => resolve as LookupFunction,
};

/** `named` has the origins ("http://mirror.lan:8080") that the user has written down. */
export function internet(named: ReadonlySet<string>): Reach {
  const refusal = (url: URL): Refusal =>
    new Refusal(
      "EACCES",
      `${url.host} is this computer or in its own network, where a window may not send the host: use “xenarium fetch”, or name a file of that server in guests.json.`,
    );
  const all = promisify(resolve);
  return {
    check: (url) => {
      if (named.has(url.origin)) return;
      const host = url.hostname.replace(/^\[|\]$/g, "");
      if (isIP(host) && !isOutside(host)) throw refusal(url);
    },
    checkName: async (url) => {
      if (named.has(url.origin) || isIP(url.hostname.replace(/^\[|\]$/g, ""))) return;
      const found = await all(url.hostname, { all: true }).catch((): LookupAddress[] => []);
      if (found.some(({ address }) => !isOutside(address))) throw refusal(url);
    },
    lookup: (url) =>
      named.has(url.origin)
        ? (resolve as LookupFunction)
        : (name, options, callback) =>
            resolve(name, { ...options, all: true }, (error, found) => {
              if (error) return callback(error, "");
              // One private address among the answers makes all of them suspect: no honest server mixes them.
              if (found.length === 0 || found.some(({ address }) => !isOutside(address)))
                return callback(refusal(url), "");
              if (options.all) callback(null, found);
              else callback(null, found[0]!.address, found[0]!.family);
            }),
  };
}

function isOutside(address: string): boolean {
  const bytes = ipBytes(address);
  return bytes !== null && OUTSIDE.mayReach(bytes) && !PRIVATE.some((subnet) => inSubnet(subnet, bytes));
}
