/** The device framework, demonstrated by a kind of device that is one folder and one row. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { DEVICE_KINDS } from "../../../core/dom0/backends/kinds.ts";
import type { DomainWiring } from "../../../core/toolstack/wiring-report.ts";
import { pvElf } from "../elf-files.ts";
import { ECHO } from "./echo/kind.ts";
import { HandFrontend } from "./frontend.ts";
import { fakeHost, type FakeHost } from "./host.ts";

const kernel = pvElf();
let host: FakeHost;
let domid: number;

async function create(config: string): Promise<number> {
  const text = `name = "tiny"\nkernel = "k"\nmemory = 4\n${config}\n`;
  return ((await host.service.handle("create", { config: text, files: { k: kernel } })) as { domid: number }).domid;
}
const back = (id: number): string => `/local/domain/0/backend/echo/${domid}/${id}`;
const state = (id: number): string | null => host.store.read(`${back(id)}/state`);
const wiring = async (of = domid): Promise<DomainWiring["devices"]> =>
  ((await host.service.handle("wiring", { domid: of })) as DomainWiring).devices;
const echo = async (id: string) => (await wiring()).find((each) => each.kind === "echo" && each.id === id)!;
function frontend(id: number, options: { pages?: number; first?: number } = {}): HandFrontend {
  return new HandFrontend(host.xen, host.hypercalls, host.store, domid, `echo/${id}`, options);
}
async function connected(id = 0, options: { pages?: number; first?: number } = {}): Promise<HandFrontend> {
  const front = frontend(id, options);
  front.connect({ "ring-ref": front.refs[0]! });
  await expect.poll(() => state(id)).toBe("4");
  return front;
}

beforeEach(async () => {
  host = fakeHost([...DEVICE_KINDS, ECHO]);
  domid = await create('echo = ["hello", "again"]');
});
afterEach(() => host.events.stop());

describe("a kind of one folder and one row", () => {
  it("has both ends in xenstore when the domain is there, and its backend waits", () => {
    for (const [id, greeting] of [
      [0, "hello"],
      [1, "again"],
    ] as const) {
      const front = `/local/domain/${domid}/device/echo/${id}`;
      expect(host.store.read(`${front}/backend`)).toBe(back(id));
      expect(host.store.read(`${front}/backend-id`)).toBe("0");
      expect(host.store.read(`${front}/state`)).toBe("1");
      expect(host.store.permissions(`${front}/state`)).toEqual([`n${domid}`, "r0"]);
      expect(host.store.read(`${back(id)}/frontend`)).toBe(front);
      expect(host.store.read(`${back(id)}/frontend-id`)).toBe(String(domid));
      expect(host.store.read(`${back(id)}/greeting`)).toBe(greeting);
      expect(host.store.read(`${back(id)}/max-ring-page-order`)).toBe("1");
      expect(host.store.permissions(`${back(id)}/max-ring-page-order`)).toEqual(["n0", `r${domid}`]);
      expect(state(id)).toBe("2");
    }
  });

  it("is in the wiring, each device of the kind for itself, before and after it connects", async () => {
    const before = (await wiring()).map(({ kind, id, rings }) => [kind, id, rings.length]);
    expect(before).toEqual([
      ["console", "0", 1],
      ["echo", "0", 0],
      ["echo", "1", 0],
      ["xenstore", "0", 1],
    ]);
    const second = await connected(1);
    second.put(7, 21);
    second.push();
    await expect.poll(() => second.responses).toBe(1);
    expect(second.slot(0)).toEqual([7, 42]);
    expect(await echo("0")).toMatchObject({ title: "Echo", backendState: "2", rings: [] });
    const device = await echo("1");
    expect(device).toMatchObject({ backendDomid: 0, backendState: "4", frontendState: "3", problem: null });
    expect(device.rings[0]).toMatchObject({
      structure: "echo_sring",
      directions: [{ name: "req", producer: 1, consumer: 1, size: 256 }],
      grants: [{ ref: second.refs[0], mfn: second.pages[0]! / 4096 }],
    });
    expect(device.behind!.figures).toEqual([{ name: "answered", label: "Answered", value: 1, unit: "" }]);
    expect((await wiring(0)).map(({ kind }) => kind)).toEqual(["console", "echo", "echo", "xenstore"]);
  });

  it("refuses a specification that it does not understand, with its place", async () => {
    const { diagnostics } = (await host.service.handle("parseConfig", {
      config: 'name="x"\nkernel="k"\necho = ["fine",\n "not fine"]\n',
    })) as { diagnostics: { message: string; line: number; key: string }[] };
    expect(diagnostics).toMatchObject([{ key: "echo", line: 4, message: expect.stringContaining("allowed: a word") }]);
  });

  it("is refused, with nothing left behind, when the backend's domain is not there or does not answer", async () => {
    const before = host.xen.grantMaps.size;
    const config = (echo: string): string => `name = "other"\nkernel = "k"\nmemory = 4\necho = ["${echo}"]\n`;
    const make = (echo: string): Promise<unknown> =>
      host.service.handle("create", { config: config(echo), files: { k: kernel } });
    await expect(make("backend=nobody,hi")).rejects.toMatchObject({
      code: "ESRCH",
      message: "Echo 0: there is no domain nobody to hold its backend.",
    });
    expect(host.xen.grantMaps.size).toBe(before);
    expect(host.xen.domains.size).toBe(2);
  });
});

describe("a ring", () => {
  it("goes over several pages that do not lie side by side", async () => {
    const front = frontend(0, { pages: 2 });
    front.connect({ "ring-page-order": 1, "ring-ref0": front.refs[0]!, "ring-ref1": front.refs[1]! });
    await expect.poll(() => state(0)).toBe("4");
    const size = (await echo("0")).rings[0]!.directions[0]!.size;
    expect(size).toBe(512);
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < size; i++) front.put(i, 1000 * round + i);
      front.push();
      await expect.poll(() => front.responses).toBe(size * (round + 1));
      for (const i of [0, 503, 504, 505, 511]) expect(front.slot(i)).toEqual([i, 2 * (1000 * round + i)]);
    }
  });

  it.each([
    ["one more than there are slots", 257],
    ["half the numbers ahead", 0x80000000],
    ["behind what was answered", -1],
  ])("whose producer claims %s disconnects that frontend, tells why, and no other", async (_, claim) => {
    const front = await connected(0);
    const sibling = await connected(1, { first: 1 });
    front.push(claim >>> 0);
    await expect.poll(() => state(0)).toBe("5");
    const error = host.store.read(`/local/domain/0/error/backend/echo/${domid}/0/error`);
    expect(error).toMatch(/request producer is \d+, with 0 answered and 0 taken of 256 slots/);
    expect(await echo("0")).toMatchObject({ problem: error, rings: [] });
    // One page for each: console, xenstore, and the sibling's.
    expect(host.xen.grantMaps.size).toBe(3);
    sibling.put(1, 4);
    sibling.push();
    await expect.poll(() => sibling.responses).toBe(1);
    expect(state(1)).toBe("4");
  });
});

describe("a frontend", () => {
  it("that closes and begins again is served again", async () => {
    const front = await connected();
    for (let round = 0; round < 3; round++) {
      front.state(5);
      await expect.poll(() => state(0)).toBe("5");
      expect(host.xen.grantMaps.size).toBe(2);
      front.state(6);
      await expect.poll(() => state(0)).toBe("6");
      front.state(1);
      await expect.poll(() => state(0)).toBe("2");
      front.connect({ "ring-ref": front.refs[0]! });
      await expect.poll(() => state(0)).toBe("4");
      front.put(1, round);
      front.push();
      await expect.poll(() => front.responses).toBe(1);
      expect(front.slot(0)).toEqual([1, 2 * round]);
    }
  });

  it.each([
    ["a grant that is none", { "ring-ref": 400 }, /grant 400 of domain \d+: bad grant/],
    ["no number for a grant", { "ring-ref": "x" }, /the frontend's ring-ref is "x"; allowed: a number from 0/],
    ["a negative one", { "ring-ref": "-1" }, /ring-ref is "-1"/],
    ["a port that is none", { "ring-ref": 8, "event-channel": 99 }, /event channel bind_interdomain/],
    ["more pages than are offered", { "ring-page-order": 9 }, /ring-page-order is "9"; allowed: a number from 0 to 1/],
  ])("that names %s is told so, and nothing stays mapped", async (_, nodes, why) => {
    frontend(0).connect(nodes);
    await expect.poll(() => state(0)).toBe("5");
    expect((await echo("0")).problem).toMatch(why);
    expect(host.xen.grantMaps.size).toBe(2);
  });

  it("that closes and begins again faster than its backend looks is served again", async () => {
    const front = await connected();
    for (let round = 0; round < 3; round++) {
      front.state(5);
      await expect.poll(() => state(0)).toBe("5");
      // The backend sees only the last of them.
      front.state(6);
      front.state(1);
      await expect.poll(() => state(0)).toBe("2");
      front.connect({ "ring-ref": front.refs[0]! });
      await expect.poll(() => state(0)).toBe("4");
      front.put(1, round);
      front.push();
      await expect.poll(() => front.responses).toBe(1);
    }
  });

  it("that goes through its states as fast as it can is followed to the last of them", async () => {
    const front = frontend(0);
    for (let i = 0; i < 200; i++) {
      front.state([1, 3, 5, 6, 4, 2, 9, 0][i % 8]!);
      if (i % 3 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    front.state(6);
    await expect.poll(() => state(0)).toBe("6");
    front.state(1);
    await expect.poll(() => state(0)).toBe("2");
    await connected();
  });
});

describe("the end of a domain", () => {
  it("lets go of all rings at once and leaves no node", async () => {
    await connected(0);
    await connected(1, { first: 1 });
    expect(host.xen.grantMaps.size).toBe(4);
    await host.service.handle("destroy", { domid });
    expect(host.xen.grantMaps.size).toBe(0);
    expect(host.store.list("/local/domain/0/backend/echo")).toEqual([]);
    expect(host.store.list("/libxl")).toEqual([]);
    expect(await wiring(0)).toEqual([]);
  });
});
