/** Traces of hypercalls as clients receive them: each client's own, bounded, and sent only while the client wants them. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { HostService } from "../../core/api/host-service.ts";
import { MOST_TRACE_RECORDS, type Events, type Results, type ServerMessage } from "../../core/api/schema.ts";
import { Session } from "../../core/api/session.ts";
import { RECORD_SIZE, traceCalls, type TraceCall } from "../../core/api/trace/calls.ts";
import { builtHost } from "../built-host.ts";

/** Longer than a loaded machine needs. */
const SOON = { timeout: 15_000 };
let host: HostService;
let text = "";

class Client {
  readonly events: Events["trace"][] = [];
  readonly reader = { backlog: 0 };
  readonly #session: Session;
  readonly #answers = new Map<number, ServerMessage>();
  #next = 1;
  constructor() {
    const { reader } = this;
    this.#session = new Session(host, {
      send: (message) => {
        if ("id" in message) this.#answers.set(message.id, message);
        else if (message.event === "trace") this.events.push(message.data as Events["trace"]);
      },
      get backlog() {
        return reader.backlog;
      },
      end: () => {},
      mayNameFiles: false,
    });
  }
  async ask<T = unknown>(request: string, args: unknown): Promise<T> {
    const id = this.#next++;
    await this.#session.receive({ id, request, args });
    const answer = this.#answers.get(id)!;
    if ("error" in answer) throw Object.assign(new Error(answer.error.message), answer.error);
    return (answer as { result: T }).result;
  }
  end(): void {
    this.#session.end();
  }
  get calls(): TraceCall[] {
    return this.events.flatMap(({ records }) => traceCalls(records));
  }
  versions(): number {
    return this.calls.filter(({ name }) => name === "xen_version").length;
  }
}

async function makes(count: number): Promise<void> {
  const from = text.length;
  await host.toolstack.request("consoleInput", { domid: 1, bytes: Buffer.from(`hypercalls ${count}\r`) });
  await expect.poll(() => text.slice(from), { timeout: 30_000 }).toContain(`${count} hypercalls, `);
}
/**
 * Waits until everything that was recorded until now has been sent to the clients. The fence is a trace of domain 0 that begins now: the
 * trace's thread hands its first record over together with older records of other domains or after them, and Node runs timers of one
 * length, which delay the sending, in the order in which they were set.
 */
async function sentUntilNow(): Promise<void> {
  const fence = new Client();
  await fence.ask("traceStart", { domid: 0 });
  await host.toolstack.request("list");
  await expect.poll(() => fence.events.length, { timeout: 10_000 }).toBeGreaterThan(0);
  fence.end();
}
/** Returns whether the client is still sent what the domain does. */
async function isSentTo(client: Client): Promise<boolean> {
  const before = client.events.length;
  await makes(10);
  await sentUntilNow();
  return client.events.length > before;
}

beforeAll(async () => {
  host = builtHost({ firstGuest: true });
  await host.powerOn();
  host.on("console", ({ bytes }) => (text += Buffer.from(bytes).toString("latin1")));
  text += Buffer.from((await host.toolstack.request("consoleAttach", { domid: 1 })).log).toString("latin1");
});
afterAll(() => host.powerOff(0));

describe("a client's trace", () => {
  it("says what was made, and ends when it is told to", async () => {
    await expect.poll(() => text, { timeout: 30_000 }).toContain("mini> ");
    const client = new Client();
    const began = await client.ask<Results["traceStart"]>("traceStart", { domid: 1 });
    await makes(100);
    await expect.poll(() => client.versions(), SOON).toBe(100);
    const last = client.events.at(-1)!;
    expect(last.calls[17]! - began.calls[17]!).toBe(100);
    expect(last.time).toBeGreaterThan(began.time);
    expect(client.events.every(({ domid, lost }) => domid === 1 && lost === 0)).toBe(true);
    expect(await client.ask("traceStop", { domid: 1 })).toBeNull();
    expect(await client.ask("traceStop", { domid: 1 })).toBeNull();
    expect(await isSentTo(client)).toBe(false);
    client.end();
  });

  it("is its own: another's end does not end it, its own end does", async () => {
    const [one, two] = [new Client(), new Client()];
    // Asking twice has the effect of asking once.
    for (const client of [one, two, two]) await client.ask("traceStart", { domid: 1 });
    await makes(50);
    await expect.poll(() => [one.versions(), two.versions()], SOON).toEqual([50, 50]);
    one.end();
    await makes(50);
    await expect.poll(() => [one.versions(), two.versions()], SOON).toEqual([50, 100]);
    two.end();
    expect(await isSentTo(two)).toBe(false);
  });

  it("comes in bounded pieces, and what is left out is counted", async () => {
    const client = new Client();
    await client.ask("traceStart", { domid: 1 });
    const began = await client.ask<Results["traceStart"]>("traceStart", { domid: 1 });
    await makes(400_000);
    const versions = (): number => (client.events.at(-1)?.calls[17] ?? 0) - began.calls[17]!;
    await expect.poll(versions, SOON).toBe(400_000);
    // The counts of a batch may already include calls whose records arrive with the next one.
    const unheard = (): number => {
      const inside = client.calls.reduce((sum, { lost }) => sum + lost, 0);
      const behind = client.events.reduce((sum, { lost }) => sum + lost, 0);
      const all = client.events.at(-1)!.calls.reduce((sum, count, number) => sum + count - began.calls[number]!, 0);
      return all - (client.calls.length + inside + behind);
    };
    await expect.poll(unheard, SOON).toBe(0);
    expect(Math.max(...client.events.map(({ records }) => records.length))).toBe(MOST_TRACE_RECORDS * RECORD_SIZE);
    client.end();
  });

  it("is counted only for a client that does not read", async () => {
    const client = new Client();
    await client.ask("traceStart", { domid: 1 });
    client.reader.backlog = 2 * 1024 * 1024;
    await makes(100);
    const lost = (): number => client.events.reduce((sum, event) => sum + event.lost, 0);
    await expect.poll(lost, SOON).toBeGreaterThanOrEqual(100);
    expect(client.calls).toEqual([]);
    client.end();
  });

  it("is refused for what there is not, and too many; a storm of requests leaves nothing behind", async () => {
    const client = new Client();
    await expect(client.ask("traceStart", { domid: 77 })).rejects.toMatchObject({ code: "ESRCH" });
    for (const args of [{}, { domid: -1 }, { domid: "1" }, { domid: 1.5 }, { domid: 0x7ff0 }, { domid: 1, every: 1 }])
      await expect(client.ask("traceStart", args)).rejects.toMatchObject({ code: "EBADREQUEST" });
    const storm = Array.from({ length: 60 }, (_, n) =>
      client
        .ask(n % 3 === 2 ? "traceStop" : "traceStart", { domid: n % 2 === 0 ? 1 : n % 4 === 1 ? 0 : 78 })
        .catch(() => {}),
    );
    await Promise.all(storm);
    await client.ask("traceStop", { domid: 0 });
    await client.ask("traceStop", { domid: 1 });
    expect(await isSentTo(client)).toBe(false);
    const before = client.versions();
    await client.ask("traceStart", { domid: 1 });
    await makes(20);
    await expect.poll(() => client.versions() - before, SOON).toBe(20);
    client.end();
    expect(await host.toolstack.request("checkInvariants")).toBe(0);
  });

  it("ends with the host, and begins again with the next one", async () => {
    const client = new Client();
    await client.ask("traceStart", { domid: 0 });
    await host.powerOff(0);
    await expect(client.ask("traceStart", { domid: 0 })).rejects.toMatchObject({ code: "EOFF" });
    expect(await client.ask("traceStop", { domid: 0 })).toBeNull();
    await host.powerOn();
    const before = client.events.length;
    await host.toolstack.request("list");
    await sentUntilNow();
    expect(client.events.length).toBe(before);
    await client.ask("traceStart", { domid: 0 });
    await host.toolstack.request("list");
    await expect.poll(() => client.events.length, { timeout: 10_000 }).toBeGreaterThan(before);
    expect(client.calls.at(-1)).toMatchObject({ domid: 0, rip: null });
    client.end();
  });
});
