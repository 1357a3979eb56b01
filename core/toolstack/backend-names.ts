/**
 * A device names the domain that has its backend. When that domain is renamed, the configurations that devices are made from again get its new name.
 */
import type { DeviceKind } from "../dom0/xenbus/kind.ts";
import { readConfig, withItem } from "./config-text.ts";
import type { CreateOptions, DomainConfig } from "./messages.ts";

/** What a domain is made from again. */
interface Recipe {
  config: DomainConfig;
  options: CreateOptions;
}

/** A number in the specification of a device is a domid, whatever domains are called. */
const isDomid = (text: string): boolean => /^\d+$/.test(text);

/** Whether the domain's configuration contains a device whose backend is in the domain of that name. */
export function namesBackend({ config }: Pick<Recipe, "config">, name: string): boolean {
  return !isDomid(name) && config.devices.some(({ backend }) => backend === name);
}

/**
 * Whether the specification of a device can name a domain that is called so. A comma would end the name there, spaces around a name are not part of
 * it, and a number is a domid.
 */
export function canBeBackend(name: string): boolean {
  return !isDomid(name) && !/,|^\s|\s$/.test(name);
}

export function renameBackend(domain: Recipe, kinds: readonly DeviceKind[], from: string, to: string): void {
  const devices = domain.config.devices.map((spec) => (spec.backend === from ? { ...spec, backend: to } : spec));
  domain.config = { ...domain.config, devices };
  let text = domain.options.config;
  for (const { config } of kinds)
    if (config)
      readConfig(text)
        .lists.get(config.key)
        ?.forEach((item, i) => {
          const changed = item
            .split(",")
            .map((part) =>
              /^\s*backend\s*=/.test(part) && part.replace(/^[^=]*=/, "").trim() === from ? `backend=${to}` : part,
            )
            .join(",");
          if (changed !== item) text = withItem(text, config.key, i, changed);
        });
  domain.options = { ...domain.options, config: text };
}
