/**
 * How far a download may go for who asks. The user's own command line fetches from anywhere. A window is a page, which may have been made to
 * do harm: for it the host goes to the internet and not to this computer, its user's network or a cloud's services to its machines, but
 * for servers that the user has written into the list of guests. The address that is really connected to is what counts: a name may stand
 * for another one each time.
 */
import { lookup as resolve, type LookupAddress } from "node:dns";
import { isIP, type LookupFunction } from "node:net";
import { promisify } from "node:util";
import { Policy } from "../../dom0/network/gateway/policy.ts";
import { inSubnet, ipBytes, parseSubnet } from "../../dom0/network/packet/address.ts";
import { Refusal } from "../../toolstack/error.ts";

/** Networks of a house, a company or a provider (RFC 1918, 6598, 2544, 4193). */
const PRIVATE = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "198.18.0.0/15", "fc00::/7"].map(
  (text) => parseSubnet(text)!,
);
/** This computer itself, link-local, multicast and reserved addresses: as guests are held off them. */
const OUTSIDE = new Policy([], [], [], () => performance.now());

export interface Reach {
  /** Throws Refusal EACCES where the address itself says that it is too far. */
  check(url: URL): void;
  /** The same of a name that a proxy will look up. */
  checkName(url: URL): Promise<void>;
  /** Looks names up for connections; addresses that are too far fail. */
  lookup(url: URL): LookupFunction;
}

export const ANYWHERE: Reach = {
  check: () => {},
  checkName: async () => {},
  lookup: () => resolve as LookupFunction,
};

/** `named`: origins ("http://mirror.lan:8080") that the user has written down. */
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
              // One that is inside taints all: nobody honest mixes them.
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
