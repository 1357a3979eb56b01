/** Traces of hypercalls as clients get them: their own, bounded, and only while they want them. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { HostService } from "../../core/api/host-service.ts";
import { MOST_TRACE_RECORDS, type Events, type Results, type ServerMessage } from "../../core/api/schema.ts";
import { Session } from "../../core/api/session.ts";
import { RECORD_SIZE, traceCalls, type TraceCall } from "../../core/api/trace/calls.ts";
import { builtHost } from "../built-host.ts";

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

const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

async function makes(count: number): Promise<void> {
  const from = text.length;
  await host.toolstack.request("consoleInput", { domid: 1, bytes: Buffer.from(`hypercalls ${count}\r`) });
  await expect.poll(() => text.slice(from), { timeout: 30_000 }).toContain(`${count} hypercalls, `);
  // Batches that are on their way arrive.
  await pause(600);
}
/** Whether anything is recorded of it, as the ring's reader and the hypervisor see it: a listener more would change that. */
async function isTraced(client: Client): Promise<boolean> {
  const before = client.events.length;
  await makes(10);
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
    expect(client.versions()).toBe(100);
    const last = client.events.at(-1)!;
    expect(last.calls[17]! - began.calls[17]!).toBe(100);
    expect(last.time).toBeGreaterThan(began.time);
    expect(client.events.every(({ domid, lost }) => domid === 1 && lost === 0)).toBe(true);
    expect(await client.ask("traceStop", { domid: 1 })).toBeNull();
    expect(await client.ask("traceStop", { domid: 1 })).toBeNull();
    expect(await isTraced(client)).toBe(false);
    client.end();
  });

  it("is its own: another's end does not end it, its own end does", async () => {
    const [one, two] = [new Client(), new Client()];
    // Twice is once.
    for (const client of [one, two, two]) await client.ask("traceStart", { domid: 1 });
    await makes(50);
    expect([one.versions(), two.versions()]).toEqual([50, 50]);
    one.end();
    await makes(50);
    expect([one.versions(), two.versions()]).toEqual([50, 100]);
    two.end();
    expect(await isTraced(two)).toBe(false);
  });

  it("comes in bounded pieces, and what is left out is counted", async () => {
    const client = new Client();
    await client.ask("traceStart", { domid: 1 });
    const began = await client.ask<Results["traceStart"]>("traceStart", { domid: 1 });
    await makes(400_000);
    expect(Math.max(...client.events.map(({ records }) => records.length))).toBe(MOST_TRACE_RECORDS * RECORD_SIZE);
    const inside = client.calls.reduce((sum, { lost }) => sum + lost, 0);
    const behind = client.events.reduce((sum, { lost }) => sum + lost, 0);
    const all = client.events.at(-1)!.calls.reduce((sum, count, number) => sum + count - began.calls[number]!, 0);
    expect(client.calls.length + inside + behind).toBe(all);
    client.end();
  });

  it("is counted only for a client that does not read", async () => {
    const client = new Client();
    await client.ask("traceStart", { domid: 1 });
    client.reader.backlog = 2 * 1024 * 1024;
    await makes(100);
    expect(client.calls).toEqual([]);
    expect(client.events.reduce((sum, { lost }) => sum + lost, 0)).toBeGreaterThanOrEqual(100);
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
    expect(await isTraced(client)).toBe(false);
    await client.ask("traceStart", { domid: 1 });
    await makes(20);
    expect(client.versions()).toBeGreaterThanOrEqual(20);
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
    await pause(500);
    expect(client.events.length).toBe(before);
    await client.ask("traceStart", { domid: 0 });
    await host.toolstack.request("list");
    await expect.poll(() => client.events.length, { timeout: 10_000 }).toBeGreaterThan(before);
    expect(client.calls.at(-1)).toMatchObject({ domid: 0, rip: null });
    client.end();
  });
});
