/** The running domains in the desktop's tray, while the host runs. A desktop without a tray shows none. */
import type { MenuItemConstructorOptions } from "electron";
import type { HostService } from "../core/api/host-service.ts";
import type { DomainInfo } from "../core/api/schema.ts";
import type { ElectronParts } from "./parts.ts";

/** The longest menu that fits most screens. */
const MOST_DOMAINS = 30;

export interface TrayDeeds {
  show(): void;
  openConsole(domid: number): void;
  quit(): void;
}

/** For a quick look: a domain that is idle counts as running too. */
function word({ state }: DomainInfo): string {
  if (state.dying) return "dying";
  if (state.crashed) return "crashed";
  if (state.shutdown) return "shut down";
  return state.paused ? "paused" : "running";
}

export class DomainTray {
  readonly #parts: Pick<ElectronParts, "createTray" | "buildMenu">;
  readonly #host: HostService;
  readonly #deeds: TrayDeeds;
  #tray: ReturnType<ElectronParts["createTray"]> | null = null;
  /** What it shows, so that an open menu is not replaced without need. */
  #shown = "";

  constructor(parts: Pick<ElectronParts, "createTray" | "buildMenu">, host: HostService, deeds: TrayDeeds) {
    this.#parts = parts;
    this.#host = host;
    this.#deeds = deeds;
    host.on("host", ({ power }) => {
      if (power === "running") this.#open();
      else this.close();
    });
    host.on("domains", ({ domains }) => this.#show(domains));
  }

  close(): void {
    this.#tray?.destroy();
    this.#tray = null;
    this.#shown = "";
  }

  #open(): void {
    if (this.#tray) return;
    try {
      this.#tray = this.#parts.createTray();
      this.#tray.on("click", () => this.#deeds.show());
      this.#show([]);
    } catch {
      // There is no tray here; the window has everything.
      this.#tray = null;
    }
  }

  #show(domains: readonly DomainInfo[]): void {
    if (!this.#tray) return;
    const guests = domains.filter(({ domid }) => domid !== 0);
    const shown = JSON.stringify(guests.map((guest) => [guest.domid, guest.name, word(guest)]));
    if (shown === this.#shown) return;
    this.#shown = shown;
    const count = guests.length === 1 ? "1 domain" : `${guests.length || "no"} domains`;
    this.#tray.setToolTip(`Xenarium: ${count}`);
    this.#tray.setContextMenu(this.#parts.buildMenu(this.#template(guests)));
  }

  #template(guests: readonly DomainInfo[]): MenuItemConstructorOptions[] {
    const more = guests.length - MOST_DOMAINS;
    return [
      { label: "Show Xenarium", click: () => this.#deeds.show() },
      { type: "separator" },
      ...guests.slice(0, MOST_DOMAINS).map((guest) => this.#domain(guest)),
      ...(guests.length ? [] : [{ label: "No domain runs", enabled: false }]),
      ...(more > 0 ? [{ label: `${more} more in the window`, click: () => this.#deeds.show() }] : []),
      { type: "separator" },
      { label: "Quit", click: () => this.#deeds.quit() },
    ];
  }

  #domain(guest: DomainInfo): MenuItemConstructorOptions {
    const { domid, name, state } = guest;
    const up = !state.dying && !state.shutdown;
    return {
      // On Windows and Linux an ampersand would underline the next character.
      label: `${name.replaceAll("&", "&&")}: ${word(guest)}`,
      submenu: [
        { label: "Open Console", click: () => this.#deeds.openConsole(domid) },
        state.paused
          ? { label: "Unpause", enabled: up, click: () => this.#ask("unpause", { domid }) }
          : { label: "Pause", enabled: up, click: () => this.#ask("pause", { domid }) },
        {
          label: "Shut Down",
          enabled: up && !state.paused,
          click: () => this.#ask("shutdown", { domid, reason: "poweroff" }),
        },
      ],
    };
  }

  /** A refusal means that the domain has changed meanwhile; the next list shows how. */
  #ask(...[name, args]: Parameters<HostService["toolstack"]["request"]>): void {
    if (this.#host.state.power === "running") this.#host.toolstack.request(name, args).catch(() => {});
  }
}
