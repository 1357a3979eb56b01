/** The names of the domains of a host, which are unique, those of domains that are being built included. */
import type { Consoles } from "../dom0/backends/console/consoles.ts";
import type { LocalXenstore } from "../dom0/xenstore/local.ts";
import { canBeBackend, namesBackend, renameBackend } from "./backend-names.ts";
import { withValue } from "./config-text.ts";
import type { DomainDevices } from "./devices.ts";
import { isDomainName, NAME_ALLOWED } from "./domain-name.ts";
import { renameDomainStore } from "./domain-store.ts";
import { Refusal } from "./error.ts";
import type { CreateOptions, DomainConfig } from "./messages.ts";

/** What a name has to do with a domain. */
interface NamedDomain {
  readonly domid: number;
  name: string;
  readonly uuid: string;
  config: DomainConfig;
  options: CreateOptions;
}

export interface DomainNamesParts {
  store: LocalXenstore;
  consoles: Consoles;
  devices: DomainDevices;
}

export class DomainNames {
  readonly #parts: DomainNamesParts;
  readonly #domains: ReadonlyMap<number, NamedDomain>;
  /** The domains that are being built. They are aborted when nobody wants them any more. */
  readonly #building = new Map<string, AbortController>();

  /** `domains` has those that are built, at any time. */
  constructor(parts: DomainNamesParts, domains: ReadonlyMap<number, NamedDomain>) {
    this.#parts = parts;
    this.#domains = domains;
  }

  /** Builds a domain of that name while nobody else can. Throws Refusal EEXIST if there is one. */
  async during<T>(name: string, build: (wanted: AbortSignal) => Promise<T>): Promise<T> {
    this.#checkFree(name);
    const wanted = new AbortController();
    this.#building.set(name, wanted);
    try {
      return await build(wanted.signal);
    } finally {
      this.#building.delete(name);
    }
  }

  /** What is being built under that name is removed the next time its builder checks. Throws Refusal ESRCH if nothing is. */
  cancel(name: string): void {
    const wanted = this.#building.get(name);
    if (!wanted) throw new Refusal("ESRCH", `No domain named ${name} is being created.`);
    wanted.abort(new Refusal("ECANCELED", `${name} was cancelled before it was created.`));
  }

  /** Domains that have a device with its backend in this domain find it by its new name when they start again. */
  change(domain: NamedDomain, name: string): void {
    const before = domain.name;
    const users = [...this.#domains.values()].filter((each) => namesBackend(each, before));
    if (users.length > 0 && !canBeBackend(name))
      throw new Refusal(
        "EINVAL",
        `${before} has backends of ${users[0]!.name}'s devices, whose configuration can't name ${JSON.stringify(name)}: leave out commas and spaces at its ends, and take no number.`,
      );
    this.#write(domain, name);
    for (const each of users) renameBackend(each, this.#parts.devices.kinds, before, name);
  }

  /** Another domain will have this one's name, so that it gets the first free one with a number, as from libxl_domain_preserve. */
  giveAway(domain: NamedDomain): void {
    const { name } = domain;
    let n = 1;
    while (this.#isTaken(`${name}-${n}`)) n++;
    this.#write(domain, `${name}-${n}`);
  }

  #write(domain: NamedDomain, name: string): void {
    if (!isDomainName(name))
      throw new Refusal("EINVAL", `${JSON.stringify(name)} can't be a name; allowed: ${NAME_ALLOWED}.`);
    if (name !== domain.name) this.#checkFree(name);
    domain.name = name;
    domain.options = { ...domain.options, config: withValue(domain.options.config, "name", name) };
    renameDomainStore(this.#parts.store, domain.domid, domain.uuid, name);
    this.#parts.consoles.rename(domain.domid, name);
  }

  #checkFree(name: string): void {
    if (this.#isTaken(name))
      throw new Refusal("EEXIST", `A domain named ${name} exists already; names are unique on a host.`);
  }

  #isTaken(name: string): boolean {
    return (
      name === "Domain-0" ||
      this.#building.has(name) ||
      [...this.#domains.values()].some((domain) => domain.name === name)
    );
  }
}
