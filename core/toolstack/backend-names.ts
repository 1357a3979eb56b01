/** Devices name the domain that has their backend. When it is renamed, what they are made of again names it as it is called then. */
import type { DeviceKind } from "../dom0/xenbus/kind.ts";
import { readConfig, withItem } from "./config-text.ts";
import type { CreateOptions, DomainConfig } from "./messages.ts";

/** What a domain is made of again, and the text that this was read from. */
interface Configured {
  config: DomainConfig;
  options: CreateOptions;
}

/** Whether the domain has a device whose backend is said to be in the one of that name. */
export function namesBackend({ config }: Pick<Configured, "config">, name: string): boolean {
  return config.devices.some(({ backend }) => backend === name);
}

/** No specification can name a domain that is called so: a comma ends what it says, and spaces around it are none of its. */
export function canBeBackend(name: string): boolean {
  return !/,|^\s|\s$/.test(name);
}

export function renameBackend(domain: Configured, kinds: readonly DeviceKind[], from: string, to: string): void {
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
