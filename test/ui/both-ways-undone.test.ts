/**
 * Starting a kernel both ways fails, or is cancelled, at each of the requests that it makes: nothing of it is left. The host behind the requests is a
 * small one of this test: what it knows is which domains there are, which of them run, and which definitions it keeps.
 */
import { beforeEach, describe, expect, it, vi } from "vitest";

interface FakeDomain {
  domid: number;
  name: string;
  uuid: string;
  paused: boolean;
}

const host = vi.hoisted(() => ({
  domains: [] as FakeDomain[],
  kept: [] as { uuid: string; name: string }[],
  bin: [] as string[],
  asked: [] as string[],
  creating: new Map<string, (error: Error) => void>(),
  nextDomid: 1,
  /** Called with the number of each request before it is carried out. */
  before: (() => {}) as (nth: number, name: string) => void,
  listeners: new Set<unknown>(),
  said: [] as string[],
}));

vi.mock("../../renderer/state/session.ts", () => ({
  sentence: (error: Error) => error.message,
  onConsole: (listener: unknown) => {
    host.listeners.add(listener);
    return () => void host.listeners.delete(listener);
  },
  request: async (name: string, args: Record<string, string>) => {
    host.asked.push(name);
    host.before(host.asked.length, name);
    await Promise.resolve();
    const find = (): FakeDomain => {
      const found = host.domains.find(({ domid }) => domid === Number(args.domid));
      if (!found) throw new Error(`There is no domain ${args.domid}.`);
      return found;
    };
    switch (name) {
      case "parseConfig":
        return { config: null, diagnostics: [] };
      case "list":
        return host.domains;
      case "keptDomains":
        return host.kept;
      case "create":
        return create(args.config!);
      case "createCancel":
        return host.creating.get(args.name!)?.(new Error("The creation was cancelled."));
      case "consoleAttach":
      case "domainCounts":
        return find() && { log: new Uint8Array(), time: 1 };
      case "unpause":
        return void (find().paused = false);
      case "destroy":
        find();
        return void (host.domains = host.domains.filter(({ domid }) => domid !== Number(args.domid)));
      case "keptDelete":
        host.bin.push(args.uuid!);
        return void (host.kept = host.kept.filter(({ uuid }) => uuid !== args.uuid));
    }
    throw new Error(`the test's host does not know ${name}`);
  },
}));

vi.mock("../../renderer/state/messages.ts", () => ({ say: (_: string, message: string) => host.said.push(message) }));

/** Takes a turn of the event loop, in which it may be cancelled. */
async function create(config: string): Promise<unknown> {
  const name = /^name = "(.*)"$/m.exec(config)![1]!;
  if ([...host.domains, ...host.kept].some((each) => each.name === name)) throw new Error(`${name} is there.`);
  await new Promise<void>((resolve, reject) => {
    host.creating.set(name, reject);
    setTimeout(resolve);
  }).finally(() => host.creating.delete(name));
  const domain = { domid: host.nextDomid++, name, uuid: `uuid of ${name}`, paused: true };
  host.domains.push(domain);
  host.kept.push(domain);
  return { ...domain, warnings: [], timings: [] };
}

const { startBothWays, useBothWays } = await import("../../renderer/both-ways/run.ts");

const draft = { text: 'name = "web"\nkernel = "k"\n', name: "web", kernel: "k", files: {} };
const others = [
  { domid: 90, name: "web", uuid: "of web", paused: false },
  { domid: 91, name: "web-2-pv", uuid: "of web-2-pv", paused: true },
];

/** Starts both on a host that has the others already. Returns how it ended. */
async function start(
  before: (nth: number, name: string, controller: AbortController) => void = () => {},
): Promise<"started" | Error> {
  const controller = new AbortController();
  host.domains = others.map((each) => ({ ...each }));
  host.kept = [{ uuid: "of web-pvh", name: "web-pvh" }];
  host.bin = [];
  host.asked = [];
  host.before = (nth, name) => before(nth, name, controller);
  return startBothWays(draft, controller.signal).then(
    () => "started" as const,
    (error: Error) => error,
  );
}

/** Nothing has changed but the bin, which may have the definitions of the two. */
function expectNothingLeft(what: string): void {
  expect(host.domains, what).toEqual(others);
  expect(host.kept, what).toEqual([{ uuid: "of web-pvh", name: "web-pvh" }]);
  for (const uuid of host.bin) expect(uuid, what).toMatch(/^uuid of web-3-pvh?$/);
  expect(useBothWays.getState().pair, what).toBeNull();
  expect(host.listeners.size, what).toBe(0);
}

/** Begins as after a power-on: no pair is shown, and no console is heard. */
async function forgetPair(): Promise<void> {
  await start((_, name) => {
    if (name === "create") throw new Error("The host refuses this one.");
  });
  expect(host.listeners.size).toBe(0);
  useBothWays.setState({ pair: null });
}

describe("starting a kernel both ways", () => {
  // The pair before is heard until another takes its place or is given up; a failure at the first creation is one.
  beforeEach(forgetPair);

  it("takes names that no domain has, running or kept, and does not mind one of the name itself", async () => {
    expect(await start()).toBe("started");
    const made = host.domains.slice(others.length);
    expect(made.map(({ name, paused }) => [name, paused])).toEqual([
      ["web-3-pv", false],
      ["web-3-pvh", false],
    ]);
    expect(useBothWays.getState().pair?.ways.map(({ name }) => name)).toEqual(["web-3-pv", "web-3-pvh"]);
    expect(host.listeners.size).toBe(1);
  });

  it("leaves nothing where any of its requests fails", async () => {
    await start();
    const all = [...host.asked];
    expect(all.filter((name) => name === "create").length).toBe(2);
    expect(all.filter((name) => name === "unpause").length).toBe(2);
    for (let failing = 1; failing <= all.length; failing++) {
      await forgetPair();
      const what = `request ${failing}, ${all[failing - 1]}, fails`;
      const end = await start((nth) => {
        if (nth === failing) throw new Error("The host refuses this one.");
      });
      // That a domain can't be counted is no reason to end it.
      if (all[failing - 1] === "domainCounts") {
        expect(end, what).toBe("started");
        continue;
      }
      expect(end, what).toEqual(new Error("The host refuses this one."));
      expectNothingLeft(what);
    }
  });

  it("leaves nothing when it is cancelled at any of its requests", async () => {
    await start();
    const all = [...host.asked];
    for (let last = 1; last <= all.length; last++) {
      await forgetPair();
      const what = `cancelled at request ${last}, ${all[last - 1]}`;
      const end = await start((nth, _, controller) => {
        if (nth === last) controller.abort();
      });
      expect(end, what).toBeInstanceOf(Error);
      expectNothingLeft(what);
    }
  });

  it("shows the pair before again when another one fails", async () => {
    await start();
    const { pair } = useBothWays.getState();
    let creations = 0;
    const end = await start((_, name) => {
      if (name === "create" && ++creations === 2) throw new Error("The host refuses this one.");
    });
    expect(end).toBeInstanceOf(Error);
    expect(useBothWays.getState().pair).toBe(pair);
  });
});
