/** The proxy that the user's environment names: http_proxy, https_proxy, all_proxy and no_proxy, in lower or upper case, as curl takes them. */
import type { Agent } from "node:http";
import { HttpProxyAgent } from "http-proxy-agent";
import { HttpsProxyAgent } from "https-proxy-agent";
import { getProxyForUrl } from "proxy-from-env";
import { Refusal } from "../../toolstack/error.ts";

/** Returns null for a direct connection. Throws Refusal EINVAL for a kind of proxy that is not known. */
export function proxyFor(url: URL): Agent | null {
  const named = getProxyForUrl(url.href);
  if (!named) return null;
  if (!URL.canParse(named) || !/^https?:$/.test(new URL(named).protocol))
    throw new Refusal("EINVAL", `The environment's proxy for ${url.host} is no http or https address.`);
  return url.protocol === "https:" ? new HttpsProxyAgent(named) : new HttpProxyAgent(named);
}
