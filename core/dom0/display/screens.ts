/** The screens of the host's domains, from when the toolstack writes a framebuffer's directory until that is removed. */
import { Inputs } from "./inputs.ts";
import { Screen } from "./screen.ts";
import { VncServer, type VncOptions } from "./vnc/server.ts";

/** Where any VNC viewer finds a screen. */
export interface VncAddress {
  address: string;
  port: number;
  hasPassword: boolean;
}

/** A screen that belongs to a framebuffer. */
export interface OpenScreen {
  readonly screen: Screen;
  readonly vnc: VncAddress | null;
}

export class Screens {
  readonly #screens = new Map<string, OpenScreen & { server: VncServer | null }>();
  readonly #inputs = new Map<number, Inputs>();

  /** `vnc` says where to serve it; null for nowhere. Rejects with an Error that says why it can't be served there. */
  async open(domid: number, id: string, vnc: VncOptions | null): Promise<OpenScreen> {
    const key = `${domid}/${id}`;
    const known = this.#screens.get(key);
    if (known) return known;
    const screen = new Screen(this.inputs(domid));
    const server = vnc && (await VncServer.listen(screen, vnc));
    const opened = { screen, server, vnc: server && server.address };
    this.#screens.set(key, opened);
    return opened;
  }

  /** Ends its server and its viewers. */
  close(domid: number, id: string): void {
    const key = `${domid}/${id}`;
    const opened = this.#screens.get(key);
    if (!opened) return;
    this.#screens.delete(key);
    opened.server?.close();
    opened.screen.close();
    this.forgetInputs(domid);
  }

  /** Returns the domain's first screen, or the one with that id; null where there is none. */
  find(domid: number, id?: string): OpenScreen | null {
    for (const [key, opened] of this.#screens)
      if (key === `${domid}/${id}` || (id === undefined && key.startsWith(`${domid}/`))) return opened;
    return null;
  }

  /** Kept until the domain goes, because keyboard and screen come and go in any order. */
  inputs(domid: number): Inputs {
    const known = this.#inputs.get(domid) ?? new Inputs();
    this.#inputs.set(domid, known);
    return known;
  }

  /** Called when the domain's last keyboard has gone. */
  forgetInputs(domid: number): void {
    if (!this.#inputs.get(domid)?.isConnected && this.find(domid) === null) this.#inputs.delete(domid);
  }
}
