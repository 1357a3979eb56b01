/**
 * `xl shutdown` and `xl reboot` of several domains, with a stand-in for the host. It answers as the host does for a zombie (a destroyed domain whose
 * pages others still hold), and says when domains stop and go.
 */
import { EventEmitter } from "node:events";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ApiError } from "../../core/api/client.ts";
import type { Host } from "../../core/cli/xl/command.ts";
import { xl } from "../../core/cli/xl/program.ts";

const ZOMBIE = 2;

class Answers extends EventEmitter {
  readonly asked: unknown[] = [];

  request(name: string, args: { domid?: number; domain?: string }): Promise<unknown> {
    if (name === "list") return Promise.resolve([0, 1, ZOMBIE, 3].map((domid) => ({ domid })));
    if (name === "resolve") return Promise.resolve(Number(args.domain));
    this.asked.push([name, args]);
    if (args.domid === ZOMBIE)
      return Promise.reject(new ApiError({ code: "EBUSY", message: "Domain 2 is destroyed already." }));
    return Promise.resolve(null);
  }
}

describe("xl", () => {
  let host: Answers;
  let said: string[];
  beforeEach(() => {
    host = new Answers();
    said = [];
    vi.spyOn(process.stderr, "write").mockImplementation((text) => {
      said.push(String(text));
      return true;
    });
  });
  afterEach(() => void vi.restoreAllMocks());
  /** `done` says whether it has ended. */
  const run = (...args: string[]): { done: () => boolean; status: Promise<number> } => {
    let isDone = false;
    const status = xl(args, () => Promise.resolve(host as unknown as Host)).finally(() => (isDone = true));
    return { done: () => isDone, status };
  };
  const settled = (): Promise<unknown> => new Promise((resolve) => setImmediate(resolve));

  it.each([
    ["shutdown", "poweroff", "Shutting down"],
    ["reboot", "reboot", "Rebooting"],
  ])("%s -a asks every domain but Domain-0, and goes on past one that it can't ask", async (command, reason, doing) => {
    expect(await run(command, "-a").status).toBe(1);
    expect(host.asked).toEqual([1, ZOMBIE, 3].map((domid) => ["shutdown", { domid, reason }]));
    expect(said.join("")).toBe(
      `${doing} domain 1\n${doing} domain 2\nerror: Domain 2 is destroyed already.\n${command} failed (rc=-3)\n${doing} domain 3\n`,
    );
  });

  it("shutdown -a -w waits for those that it could ask, until they have stopped", async () => {
    const { done, status } = run("shutdown", "-a", "-w");
    await settled();
    host.emit("stopped", { domid: 3, reason: "reboot", code: 1 });
    await settled();
    expect(done()).toBe(false);
    host.emit("stopped", { domid: 1, reason: "poweroff", code: 0 });
    expect(await status).toBe(1);
    expect(said.join("")).toContain(
      "\nDomain 1 has been shut down, reason code 0\nDomain 3 has been shut down, reason code 1\n",
    );
  });

  it("shutdown -w -w waits until the domain is gone", async () => {
    const { done, status } = run("shutdown", "-w", "-w", "1");
    await settled();
    host.emit("stopped", { domid: 1, reason: "poweroff", code: 0 });
    await settled();
    expect(done()).toBe(false);
    host.emit("destroyed", { domid: 1 });
    expect(await status).toBe(0);
    expect(said.join("")).toBe("Shutting down domain 1\nDomain 1 has been destroyed\n");
  });

  it.each(["shutdown", "reboot"])("%s -F is taken: every domain here has PV control", async (command) => {
    expect(await run(command, "-F", "1").status).toBe(0);
    expect(host.asked).toHaveLength(1);
  });

  it("shutdown wants -a or a domain, not both", async () => {
    for (const args of [["-a", "1"], []])
      await expect(run("shutdown", ...args).status).rejects.toThrow("You must specify -a or a domain id.");
    expect(host.asked).toEqual([]);
  });
});
