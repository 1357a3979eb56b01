/** What the guests of a host say on their consoles, and what is typed there. */
import { expect } from "vitest";
import type { HostService } from "../../core/api/host-service.ts";

export interface OnConsole {
  ask: HostService["toolstack"]["request"];
  /** Returns everything that is kept of what the domain has said. */
  shown(domid: number): Promise<string>;
  /** Waits until the domain has said it. */
  says(domid: number, pattern: RegExp): Promise<RegExpExecArray>;
  types(domid: number, command: string): Promise<void>;
  /** Waits until the domain is gone; all that is kept of what it has said. */
  ended(domid: number): Promise<string>;
}

/** `host` returns the present host, which may not exist yet; `patience` is how many milliseconds a word, or the end, may take. */
export function onConsole(host: () => Pick<HostService, "toolstack">, patience = 60_000): OnConsole {
  const ask = ((...args: Parameters<OnConsole["ask"]>) => host().toolstack.request(...args)) as OnConsole["ask"];
  const shown = async (domid: number): Promise<string> =>
    Buffer.from((await ask("consoleAttach", { domid })).log).toString("latin1");
  return {
    ask,
    shown,
    async says(domid, pattern) {
      let found: RegExpExecArray | null = null;
      try {
        await expect
          .poll(async () => (found = pattern.exec(await shown(domid))) !== null, { timeout: patience, interval: 100 })
          .toBe(true);
      } catch {
        throw new Error(`no ${pattern} on the console of domain ${domid}:\n${(await shown(domid)).slice(-4000)}`);
      }
      return found!;
    },
    async types(domid, command) {
      await ask("consoleInput", { domid, bytes: Buffer.from(`${command}\r`) });
    },
    async ended(domid) {
      const isThere = async (): Promise<boolean> => (await ask("list")).some((each) => each.domid === domid);
      try {
        await expect.poll(isThere, { timeout: patience, interval: 100 }).toBe(false);
      } catch {
        throw new Error(`domain ${domid} does not end; its console:\n${(await shown(domid)).slice(-4000)}`);
      }
      return shown(domid);
    },
  };
}
