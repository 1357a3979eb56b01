/** Devices that are attached to a domain and detached from it while it runs: xl block-attach, block-detach, cd-insert, cd-eject and the like. */
import { backendPath, type DeviceAddress } from "../dom0/xenbus/address.ts";
import { SpecError, type DeviceKey, type DeviceKind, type DeviceSpec } from "../dom0/xenbus/kind.ts";
import { StoreError } from "../dom0/storage/block-store.ts";
import type { BackendDevices } from "../dom0/xenbus/devices.ts";
import type { LocalXenstore } from "../dom0/xenstore/local.ts";
import { readConfig, withItem } from "./config-text.ts";
import type { DomainDevices } from "./devices.ts";
import { Refusal } from "./error.ts";
import type { Lifecycle, ManagedDomain } from "./lifecycle.ts";

export class HotPlug {
  readonly #lifecycle: Lifecycle;
  readonly #devices: DomainDevices;
  readonly #store: LocalXenstore;
  readonly #backends: BackendDevices;
  /**
   * For each domain, a promise that resolves when the last change that was asked for is made. The next change waits for it and finds the domain's
   * devices as they are then.
   */
  readonly #turns = new WeakMap<ManagedDomain, Promise<unknown>>();

  constructor(lifecycle: Lifecycle, devices: DomainDevices, store: LocalXenstore, backends: BackendDevices) {
    this.#lifecycle = lifecycle;
    this.#devices = devices;
    this.#store = store;
    this.#backends = backends;
  }

  /**
   * `key` is a key of xl.cfg, and `text` one string of its list. Relative files are taken from `folder`. What is attached is there again after a
   * restart.
   */
  attach(domid: number, key: string, text: string, folder: string): Promise<{ kind: string; id: string }> {
    return this.#inTurn(domid, async (domain) => {
      if (domain.type === "native")
        throw new Refusal(
          "EOPNOTSUPP",
          `${domain.name} is a native domain: it has no frontends, only backends for others.`,
        );
      const { config, kind } = this.#key(key);
      const others = domain.config.devices.filter((each) => each.kind === kind);
      const spec = this.#parse(config, text, others, folder);
      const companion = config.companion?.(spec, [...domain.config.devices, spec]);
      for (const each of companion ? [spec, companion] : [spec]) {
        await this.#devices.attach(domid, each, () => this.#checkThere(domid, domain));
        domain.config = { ...domain.config, devices: [...domain.config.devices, each] };
      }
      this.#write(domain, config, spec.id, config.text?.(spec, text) ?? text);
      return { kind: spec.kind, id: spec.id };
    });
  }

  /** `name`: the id of the device, or its name in the configuration, such as xvda. */
  detach(domid: number, key: string, name: string, force: boolean): Promise<void> {
    return this.#inTurn(domid, async (domain) => {
      const { kind, config } = this.#key(key);
      const id = config.idOf?.(name) ?? name;
      if (this.#devices.kind(kind).isWired?.(id))
        throw new Refusal("EPERM", `${this.#devices.title({ kind, id })} of ${domain.name} can't be taken away.`);
      await this.#devices.detach(domid, kind, id, force);
      const devices = domain.config.devices.filter((each) => each.kind !== kind || each.id !== id);
      domain.config = { ...domain.config, devices };
      this.#write(domain, config, id, null);
    });
  }

  /**
   * Gives a domain another device in the place of one whose backend has ended. Returns false if there is none to replace, because it has been detached
   * meanwhile, and perhaps attached again. Rejects with Refusal.
   */
  replace(address: DeviceAddress): Promise<boolean> {
    const { domid, kind, id, backendDomid } = address;
    return this.#inTurn(domid, async (domain) => {
      const spec = domain.config.devices.find((each) => each.kind === kind && each.id === id);
      if (!spec || this.#devices.find(domid, kind, id)?.backendDomid !== backendDomid) return false;
      if (this.#store.read(`${backendPath(address)}/state`) !== null) return false;
      await this.#devices.replace(address, spec, () => this.#checkThere(domid, domain));
      return true;
    });
  }

  /**
   * Only one device of a domain is attached or detached at a time. Rejects with Refusal if there is no such domain, also if it has gone meanwhile.
   */
  async #inTurn<T>(domid: number, action: (domain: ManagedDomain) => Promise<T>): Promise<T> {
    const domain = this.#lifecycle.managed(domid);
    const begin = async (): Promise<T> => {
      this.#checkThere(domid, domain);
      return action(domain);
    };
    const turn = (this.#turns.get(domain) ?? Promise.resolve()).then(begin, begin);
    this.#turns.set(domain, turn);
    return turn;
  }

  /** Another domain may have the domid of one that is gone. Throws Refusal ESRCH. */
  #checkThere(domid: number, domain: ManagedDomain): void {
    if (this.#lifecycle.managed(domid) !== domain) throw new Refusal("ESRCH", `${domain.name} has gone.`);
  }

  /**
   * Puts another medium into a drive. `text` is as for attach(); without a target the medium is taken out. One that can't be opened is refused, and the
   * drive keeps what it has.
   */
  async insert(domid: number, key: string, text: string, folder: string): Promise<void> {
    const domain = this.#lifecycle.managed(domid);
    const { config, kind } = this.#key(key);
    const spec = this.#parse(config, text, [], folder);
    const address = this.#devices.find(domid, kind, spec.id);
    if (address && address.backendDomid !== this.#store.connection.domid)
      throw new Refusal("EINVAL", `The medium of ${domain.name}'s drive is for its backend's domain to change.`);
    const back = address && backendPath(address);
    if (!back || this.#store.read(`${back}/removable`) !== "1")
      throw new Refusal("EINVAL", `${domain.name} has no drive ${spec.back.dev} whose medium can be changed.`);
    const params = String(spec.back.params);
    try {
      await this.#backends.find(kind, domid, spec.id)?.backend.checkMedium?.(params);
    } catch (error) {
      const why = error instanceof StoreError || error instanceof SpecError ? error.message : String(error);
      const code = error instanceof StoreError ? error.code : "EINVAL";
      throw new Refusal(code, `The drive ${spec.back.dev} of ${domain.name} can't have that medium: ${why}.`);
    }
    this.#checkThere(domid, domain);
    this.#store.write(`${back}/params`, Buffer.from(params).toString("latin1"));
    const devices = domain.config.devices.map((each) => (each.kind === kind && each.id === spec.id ? spec : each));
    domain.config = { ...domain.config, devices };
    this.#write(domain, config, spec.id, config.text?.(spec, text) ?? text);
  }

  /** Makes a disk larger while its guest uses it. This can't be asked of a backend in another domain than dom0. */
  async resize(domid: number, name: string, bytes: number): Promise<void> {
    const domain = this.#lifecycle.managed(domid);
    const { kind, config } = this.#key("disk");
    const id = config.idOf?.(name) ?? name;
    const backend = this.#backends.find(kind, domid, id)?.backend;
    if (!backend?.resize) throw new Refusal("ESRCH", `${domain.name} has no disk ${name} whose backend is in dom0.`);
    try {
      await backend.resize(bytes);
    } catch (error) {
      if (error instanceof StoreError)
        throw new Refusal(error.code, `The disk ${name} of ${domain.name} can't be resized: ${error.message}.`);
      throw error;
    }
  }

  /** The configuration from which the domain is restarted gets the change too, like the one that libxl stores. `text` null removes the device. */
  #write(domain: ManagedDomain, config: DeviceKey, id: string, text: string | null): void {
    const items = readConfig(domain.options.config).lists.get(config.key) ?? [];
    const specs: (DeviceSpec | null)[] = [];
    for (const item of items)
      specs.push(
        parsed(
          config,
          item,
          specs.filter((spec) => spec !== null),
        ),
      );
    const at = specs.findIndex((spec) => spec?.id === id);
    if (at < 0 && text === null) return;
    let changed = domain.options.config;
    // Devices without an explicit id are numbered in order. Those after the one that is removed would get other ids, so theirs are written out.
    if (text === null)
      items.forEach((item, i) => {
        const spec = specs[i];
        const live = domain.config.devices.find((each) => each.kind === spec?.kind && each.id === spec.id);
        if (i > at && live && config.text) changed = withItem(changed, config.key, i, config.text(live, item));
      });
    changed = withItem(changed, config.key, at < 0 ? items.length : at, text);
    domain.options = { ...domain.options, config: changed };
  }

  #parse(config: DeviceKey, text: string, others: readonly DeviceSpec[], folder: string): DeviceSpec {
    try {
      return this.#devices.within(config.parse(text, others), folder);
    } catch (error) {
      if (error instanceof SpecError) throw new Refusal("EINVAL", `${config.key} "${text}": ${error.message}.`);
      throw error;
    }
  }

  #key(key: string): DeviceKind & { config: DeviceKey } {
    const found = this.#devices.kinds.find(({ config }) => config?.key === key);
    if (found?.config) return { ...found, config: found.config };
    const known = this.#devices.kinds.flatMap(({ config }) => (config ? [config.key] : []));
    throw new Refusal("EINVAL", `There are no devices of the key ${key}; there are ${known.join(", ")}.`);
  }
}

/** Returns null for what is no device. */
function parsed(config: DeviceKey, item: string, before: readonly DeviceSpec[]): DeviceSpec | null {
  try {
    return config.parse(item, before);
  } catch (error) {
    if (error instanceof SpecError) return null;
    throw error;
  }
}
