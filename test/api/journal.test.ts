/** The host's journal: what clients asked for and what came of it. It is true and bounded, and is reported as it changes. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { JournalEntry } from "../../core/api/journal/entry.ts";
import { HostJournal } from "../../core/api/journal/host-journal.ts";
import type { DomainInfo, HostState } from "../../core/api/schema.ts";

const WINDOW = { id: "window-1", words: "Another window" };
const CLI = { id: "session-2", words: "The command line" };
const RUNNING = { power: "running", reason: null, stages: [] } as unknown as HostState;
const domain = (domid: number, name: string, more: Partial<DomainInfo> = {}): DomainInfo =>
  ({
    domid,
    uuid: `u${domid}`,
    name,
    state: { paused: false },
    vcpus: 2,
    onlineVcpus: 2,
    memoryMiB: 64,
    ...more,
  }) as unknown as DomainInfo;
const created = (domid: number, name: string) => ({ domid, name, uuid: `u${domid}`, restored: false });

describe("the host's journal", () => {
  let told: JournalEntry[][] = [];
  let journal: HostJournal;
  beforeEach(() => {
    vi.useFakeTimers();
    told = [];
    journal = new HostJournal((entries) => told.push(entries), { gone: () => null, kept: () => null }, 20_000);
    journal.host(RUNNING);
  });
  afterEach(() => void vi.useRealTimers());
  const titles = (): string[] => journal.entries.map(({ title }) => title);
  const entry = (title: string): JournalEntry => journal.entries.findLast((each) => each.title === title)!;

  it("a creation is one event, whose cause is who asked for it: a list that comes before it tells nothing", () => {
    const end = journal.asks("create", { config: 'name = "deb"\nkernel = "k"' }, WINDOW, null)!;
    // The toolstack lists a domain as soon as Xen has it, before the domain has a name.
    journal.domains([domain(3, "(domain 3)", { state: { paused: true } as never })]);
    journal.domains([domain(3, "deb", { state: { paused: true } as never })]);
    journal.created(created(3, "deb"));
    journal.domains([domain(3, "deb")]);
    end();
    journal.domains([domain(3, "deb")]);
    expect(titles()).toEqual(["The host is running", "Create deb", "deb was created"]);
    expect(entry("deb was created")).toMatchObject({ by: "window-1", cause: "Another window" });
    expect(entry("Create deb").state).toBe("done");
  });

  it("tells apart who asked for which domain", () => {
    const ends = [
      journal.asks("create", { config: 'name = "a"' }, WINDOW, null)!,
      journal.asks("create", { config: 'name = "b"' }, CLI, null)!,
    ];
    journal.created(created(2, "b"));
    journal.created(created(1, "a"));
    ends.forEach((end) => end());
    expect(entry("a was created").by).toBe("window-1");
    expect(entry("b was created").by).toBe("session-2");
    journal.created(created(5, "c"));
    expect(entry("c was created")).toMatchObject({ by: null, cause: "Another client of this host" });
  });

  it("what a fork, a clone or a return to a snapshot does to domains is done by who asked for it, and nothing later is", () => {
    const names = { gone: () => null, kept: (uuid: string) => (uuid === "k" ? "web" : null) };
    journal = new HostJournal((entries) => told.push(entries), names, 20_000);
    journal.host(RUNNING);
    journal.created(created(1, "web"));
    journal.domains([domain(1, "web")]);
    const causes = (): unknown[] => journal.entries.slice(-3).map(({ title, by }) => [title, by]);
    /** Made as it is of a snapshot: held until all is there. */
    const made = (domid: number, name: string): void => {
      journal.created({ ...created(domid, name), restored: true });
      journal.domains([domain(domid, name, { state: { paused: true } as never })]);
      journal.domains([domain(domid, name)]);
    };
    const forked = journal.asks("domainFork", { uuid: "k", copies: 1 }, WINDOW, null)!;
    made(2, "web-fork-1");
    forked();
    expect(causes().slice(1)).toEqual([
      ["web-fork-1 was forked from web", "window-1"],
      ["web-fork-1 is unpaused", "window-1"],
    ]);
    const back = journal.asks("snapshotRevert", { uuid: "k", snapshot: "s" }, WINDOW, null)!;
    journal.destroyed({ domid: 1, name: "web", uuid: "u1" } as never);
    made(3, "web");
    // Of another name: nobody asked for that here.
    made(4, "db");
    expect(journal.entries.slice(-5).map(({ title, by }) => [title, by])).toEqual([
      ["web is gone", "window-1"],
      ["web went back to a snapshot", "window-1"],
      ["web is unpaused", "window-1"],
      ["db was restored", null],
      ["db is unpaused", null],
    ]);
    back();
    const cloned = journal.asks("snapshotClone", { uuid: "k", snapshot: "s", name: "copy" }, CLI, null)!;
    made(5, "copy");
    cloned();
    expect(causes().slice(1)).toEqual([
      ["copy was made from a snapshot of web", "session-2"],
      ["copy is unpaused", "session-2"],
    ]);
    vi.advanceTimersByTime(3_000);
    journal.domains([domain(3, "web", { state: { paused: true } as never })]);
    expect(entry("web is paused").by).toBeNull();
  });

  it("a fork and a return to a snapshot make each domain once: one that is restarted at once was created, not forked", () => {
    const names = { gone: () => null, kept: (uuid: string) => (uuid === "k" ? "web" : null) };
    journal = new HostJournal((entries) => told.push(entries), names, 20_000);
    journal.host(RUNNING);
    const restarted = (from: number, to: number, name: string): void => {
      journal.stopped({ domid: from, name, uuid: `u${from}`, reason: "reboot", code: 1, action: "restart" });
      journal.created(created(to, name));
    };
    const forked = journal.asks("domainFork", { uuid: "k", copies: 2 }, WINDOW, null)!;
    for (const n of [1, 2]) journal.created({ ...created(n, `web-fork-${n}`), restored: true });
    forked();
    restarted(1, 3, "web-fork-1");
    const back = journal.asks("snapshotRevert", { uuid: "k", snapshot: "s" }, WINDOW, null)!;
    journal.created({ ...created(4, "web"), restored: true });
    back();
    restarted(4, 5, "web");
    expect(titles().filter((title) => /web.* (was|went)/.test(title))).toEqual([
      "web-fork-1 was forked from web",
      "web-fork-2 was forked from web",
      "web-fork-1 was created",
      "web went back to a snapshot",
      "web was created",
    ]);
  });

  it("a domain that comes of a guest from the web is made by who fetched it", () => {
    const answered = journal.makes("debian", WINDOW);
    journal.created(created(1, "debian"));
    answered(false);
    expect(entry("debian was created").by).toBe("window-1");
    journal.makes("alpine", WINDOW)(true);
    journal.created(created(2, "alpine"));
    expect(entry("alpine was created").by).toBeNull();
  });

  it("calls devices what their users do: a disk by its name, whatever its number in xenstore is, others by their kind", () => {
    journal.created(created(1, "web"));
    const asked = (request: "deviceAttach" | "deviceDetach" | "diskResize", args: object): string => {
      journal.asks(request, { domid: 1, ...args }, WINDOW, null)!();
      return titles().at(-1)!;
    };
    expect(asked("deviceDetach", { key: "disk", device: "51712" })).toBe("Detach disk xvda from web");
    expect(asked("deviceDetach", { key: "disk", device: "xvdb" })).toBe("Detach disk xvdb from web");
    expect(asked("deviceDetach", { key: "disk", device: "999999" })).toBe("Detach disk 999999 from web");
    expect(asked("deviceDetach", { key: "vif", device: "1" })).toBe("Detach network interface 1 from web");
    expect(asked("deviceAttach", { key: "p9" })).toBe("Attach a shared folder to web");
    expect(asked("diskResize", { device: "51712" })).toBe("Make disk xvda of web larger");
  });

  it("what was refused failed, and is the cause of nothing", () => {
    journal.created(created(1, "a"));
    journal.domains([domain(1, "a")]);
    journal.asks("rename", { domid: 1, name: "b" }, WINDOW, null)!({
      message: "There is a b already.",
      cancelled: false,
    });
    expect(entry("Rename a to b")).toMatchObject({ state: "failed", detail: "There is a b already." });
    journal.domains([domain(1, "b")]);
    expect(entry("a is called b now").by).toBeNull();
  });

  it("a guest that was asked to shut down has done it when it has stopped, not before; a silent one has ignored it", () => {
    journal.created(created(1, "a"));
    journal.asks("shutdown", { domid: 1, reason: "poweroff" }, WINDOW, null)!();
    const task = (): JournalEntry => entry("Ask a to power off");
    expect(task()).toMatchObject({ state: "running", detail: "Waiting for the guest" });
    vi.advanceTimersByTime(20_000);
    expect(task().state).toBe("ignored");
    expect(task().detail).toContain("Destroy ends it at once");
    expect(task().remedy).toBe("destroy");
    journal.stopped({ domid: 1, name: "a", uuid: "u1", reason: "poweroff", action: "destroy" } as never);
    expect(task()).toMatchObject({ state: "done", remedy: null });
    expect(entry("a powered off").by).toBe("window-1");
  });

  it("vCPUs and memory are set when the guest has followed", () => {
    journal.created(created(1, "a"));
    journal.domains([domain(1, "a")]);
    journal.asks("setVcpus", { domid: 1, vcpus: 1 }, WINDOW, null)!();
    journal.asks("setMemory", { domid: 1, memoryMiB: 32 }, WINDOW, null)!();
    vi.advanceTimersByTime(20_000);
    expect(entry("Set a to 1 vCPUs").state).toBe("ignored");
    expect(entry("Set the memory target of a to 32 MiB")).toMatchObject({ state: "ignored", remedy: null });
    journal.domains([domain(1, "a", { onlineVcpus: 1, memoryMiB: 33 })]);
    expect(entry("Set a to 1 vCPUs").state).toBe("done");
    expect(entry("Set the memory target of a to 32 MiB").state).toBe("done");
  });

  it("ends what waits for guests with the host, and what waits for a domain that stops otherwise", () => {
    for (const domid of [1, 2]) {
      journal.created(created(domid, `d${domid}`));
      journal.asks("setMemory", { domid, memoryMiB: 32 }, WINDOW, null)!();
    }
    journal.stopped({ domid: 1, name: "d1", uuid: "u1", reason: "crash", action: "destroy" } as never);
    expect(entry("Set the memory target of d1 to 32 MiB")).toMatchObject({ state: "cancelled" });
    journal.host({ ...RUNNING, power: "off" });
    expect(entry("Set the memory target of d2 to 32 MiB")).toMatchObject({ state: "cancelled" });
    expect(vi.getTimerCount()).toBeLessThanOrEqual(1);
  });

  it("tells what has changed together, in the order in which it began, and keeps the latest 500", () => {
    vi.advanceTimersByTime(100);
    told = [];
    for (let i = 0; i < 700; i++) journal.created(created(i, `d${i}`));
    expect(told).toEqual([]);
    vi.advanceTimersByTime(50);
    expect(told.length).toBe(1);
    expect(journal.entries.length).toBe(500);
    expect(titles().at(-1)).toBe("d699 was created");
    vi.advanceTimersByTime(10_000);
    expect(told.length).toBe(1);
  });
});
