/** The hypercall trace tells what the domain did: all of it, or how much is missing. */
import { readFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { dist } from "../dist.ts";
import { temporaryFolder } from "../temporary.ts";
import * as abi from "../../core/hypervisor/abi/trace.ts";
import { traceCalls, type TraceCall } from "../../core/api/trace/calls.ts";
import { XEN_HEAP_START } from "../../core/machine/layout.ts";
import { PoweredHost } from "../../core/toolstack/power.ts";
import { Tracer } from "../../core/toolstack/trace/tracer.ts";
import { debianKernel, guestsMissing, initramfs } from "../guests/images.ts";
import { runGuest, startGuest } from "../guests/run.ts";

/** From hypervisor/hypercall/trace.ts. */
const ROOT_TRACE_BUFFERS = XEN_HEAP_START + 0x10f0;
const root = path.resolve(import.meta.dirname, "../..");
const mini = path.join(root, "assets/guests/mini.elf");
const guests = guestsMissing();
let host: PoweredHost;
let tracer: Tracer;
let domid: number;
let text = "";

/** What a listener has received. */
class Heard {
  readonly calls: TraceCall[] = [];
  lost = 0;
  /** The hypervisor's count of xen_version at the time of the last batch. */
  versions = 0;
  stop!: () => Promise<void>;
  static async of(of: number): Promise<Heard> {
    const heard = new Heard();
    heard.stop = await tracer.listen(of, ({ domid: from, records, lost, calls }) => {
      expect(from).toBe(of);
      const taken = traceCalls(records);
      heard.calls.push(...taken);
      heard.lost += lost + taken.reduce((sum, call) => sum + call.lost, 0);
      heard.versions = calls[17] ?? heard.versions;
    });
    return heard;
  }
}

async function until(what: string, condition: () => boolean): Promise<void> {
  for (const end = Date.now() + 30_000; !condition();) {
    if (Date.now() > end) throw new Error(`${what} did not come: ${text.slice(-500)}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
async function type(line: string, answer: RegExp): Promise<void> {
  const from = text.length;
  await host.toolstack.request("consoleInput", { domid, bytes: Buffer.from(`${line}\r`) });
  await until(`the answer to ${line}`, () => answer.test(text.slice(from)));
}

beforeAll(async () => {
  host = new PoweredHost({ memoryMiB: 256, pcpus: 2, imageFolder: dist });
  await host.start();
  tracer = new Tracer(host);
  host.toolstack.on("console", ({ domid: from, bytes }) => {
    if (from === domid) text += Buffer.from(bytes).toString("latin1");
  });
  const created = await host.toolstack.request("create", {
    config: 'name = "mini"\nkernel = "mini.elf"\nmemory = 32\nvcpus = 2\n',
    files: { "mini.elf": readFileSync(mini) },
    paused: true,
  });
  domid = created.domid;
  await host.toolstack.request("consoleAttach", { domid });
});
afterAll(() => host?.powerOff());

describe("the hypercall trace of a domain", () => {
  it("has its first hypercalls, with their arguments and the structures that they name", async () => {
    const heard = await Heard.of(domid);
    await host.toolstack.request("unpause", { domid });
    await until("the prompt", () => text.includes("mini> "));
    await heard.stop();
    expect(heard.lost).toBe(0);
    const find = (operation: string): TraceCall => heard.calls.find((call) => call.operation === operation)!;
    const info = await host.toolstack.request("wiring", { domid });
    const timer = info.ports.find(({ state }) => state === "virq")!;
    expect(find("EVTCHNOP_bind_virq")).toMatchObject({
      domid,
      name: "event_channel_op",
      parameters: [
        ["virq", "VIRQ_TIMER"],
        ["vcpu", "0"],
        ["port", String(timer.port)],
      ],
      result: "0",
      failed: false,
    });
    expect(find("VCPUOP_set_periodic_timer").parameters).toContainEqual(["period_ns", "100000000 ns"]);
    const console = info.devices.find(({ kind }) => kind === "console")!.rings[0]!.frontendPort!.port;
    expect(find("EVTCHNOP_send").parameters).toEqual([["port", expect.stringMatching(/^[12]$/) as string]]);
    expect(heard.calls.some(({ parameters }) => parameters[0]?.[1] === String(console))).toBe(true);
    const callbacks = heard.calls.find(({ name }) => name === "set_callbacks")!;
    expect(callbacks.parameters.map(([name]) => name)).toEqual(["event", "failsafe", "syscall"]);
    expect(callbacks.rip).toBeGreaterThan(0xffffffff80000000n);
    // The guest asks about a vCPU that it does not have, each time that it looks which of them are to run.
    const asked = heard.calls.filter(({ operation, failed }) => operation === "VCPUOP_is_up" && failed);
    expect(asked.length).toBeGreaterThan(0);
    for (const { result, parameters } of asked) expect([parameters[0], result]).toEqual([["vcpu", "2"], "-ENOENT"]);
    const times = heard.calls.map(({ time }) => time);
    expect(times[0]).toBeGreaterThan(0);
    expect(times.every((time) => time <= heard.calls.at(-1)!.time + 1e9)).toBe(true);
  });

  it("goes on behind 2^32 records of a ring", async () => {
    const view = new DataView(host.machine.memory.buffer);
    const buffers = view.getUint32(ROOT_TRACE_BUFFERS, true);
    const rings = view.getUint32(buffers + abi.TRACE_RINGS, true);
    // Now no domain is traced.
    for (let i = 0; i < rings; i++) {
      const ring = view.getUint32(buffers + abi.TRACE_RING_TABLE + 4 * i, true);
      for (const at of [abi.TRACE_CONSUMER, abi.TRACE_PRODUCER]) view.setUint32(ring + at, 0xffffff9c, true);
    }
    const heard = await Heard.of(domid);
    await type("hypercalls 1000", /1000 hypercalls, /);
    await heard.stop();
    expect(heard.lost).toBe(0);
    expect(heard.calls.filter(({ name }) => name === "xen_version")).toHaveLength(1000);
  });

  it("has exactly the hypercalls that were made, when there is time to read them", async () => {
    const heard = await Heard.of(domid);
    await type("hypercalls 1000", /1000 hypercalls, /);
    await heard.stop();
    const versions = heard.calls.filter(({ name }) => name === "xen_version");
    expect(versions.length).toBe(1000);
    expect(heard.lost).toBe(0);
    expect(new Set(versions.map(({ operation }) => operation))).toEqual(new Set(["XENVER_version"]));
    const version = ((4 << 16) | 17).toString(16);
    expect(new Set(versions.map(({ result }) => result))).toEqual(new Set([`0x${version}`]));
    expect(versions.every(({ duration }) => duration > 0)).toBe(true);
  });

  it("counts what did not fit into the ring: records and losses are all there were", async () => {
    await type("load 0", /mini> $/);
    for (let round = 0; round < 3; round++) {
      const before = await counted();
      const heard = await Heard.of(domid);
      await type("hypercalls 700000", /700000 hypercalls, /);
      await heard.stop();
      const after = await counted();
      expect(heard.lost).toBeGreaterThan(100_000);
      expect(heard.calls.length).toBeGreaterThan(4000);
      // Other hypercalls are made too, but none between the two counts that the trace did not see.
      const seen = heard.calls.length + heard.lost;
      expect(seen).toBeGreaterThanOrEqual(700_000);
      expect(seen).toBeLessThanOrEqual(after - before);
      expect(after - before - seen).toBeLessThan(100);
    }
  });

  it("is written nowhere but into the rings, whatever their indices say", async () => {
    const { address } = await host.toolstack.request("traceBuffers");
    const view = new DataView(host.machine.memory.buffer);
    const rings = Array.from({ length: view.getUint32(address, true) }, (_, n) =>
      view.getUint32(address + abi.TRACE_RING_TABLE + 4 * n, true),
    );
    expect(rings.length).toBe(3);
    const end = abi.TRACE_DATA + abi.TRACE_RING_RECORDS * abi.TRACE_RECORD_SIZE;
    /** The memory around the indices and records, up to the end of the ring's last page. */
    const around = (): string[] =>
      rings.map((ring) => {
        const bytes = Buffer.from(view.buffer, ring, Math.ceil(end / 4096) * 4096);
        const parts = [bytes.subarray(4, 64), bytes.subarray(68, abi.TRACE_DATA), bytes.subarray(end)];
        return Buffer.concat(parts).toString("hex");
      });
    const before = around();
    const heard = await Heard.of(domid);
    for (const consumer of [0xffffffff, 0x80000000, 1, 0x7fffffff]) {
      for (const ring of rings) view.setUint32(ring + abi.TRACE_CONSUMER, consumer, true);
      await type("hypercalls 50000", /50000 hypercalls, /);
      expect(around()).toEqual(before);
    }
    await heard.stop();
    expect(await host.toolstack.request("checkInvariants")).toBe(0);
  });

  it("goes to every listener, each domain's to its own, and ends with the last", async () => {
    const one = await Heard.of(domid);
    const two = await Heard.of(domid);
    const dom0 = await Heard.of(0);
    await host.toolstack.request("list");
    await type("hypercalls 100", /100 hypercalls, /);
    await one.stop();
    await type("hypercalls 10", /10 hypercalls, /);
    await two.stop();
    await dom0.stop();
    const versions = ({ calls }: Heard): number => calls.filter(({ name }) => name === "xen_version").length;
    expect(versions(one)).toBeGreaterThanOrEqual(100);
    expect(versions(two)).toBe(110);
    expect(dom0.calls.map(({ name, operation }) => `${name} ${operation}`)).toContain(
      "sysctl XEN_SYSCTL_getdomaininfolist",
    );
    expect(dom0.calls.every((call) => call.domid === 0 && call.rip === null)).toBe(true);
    const before = two.calls.length;
    await type("hypercalls 10", /10 hypercalls, /);
    expect(two.calls.length).toBe(before);
  });

  it("is refused for a domain that there is not, and leaves nothing on", async () => {
    await expect(tracer.listen(999, () => {})).rejects.toMatchObject({ code: "ESRCH" });
    const heard = await Heard.of(domid);
    await heard.stop();
    await heard.stop();
    expect(await host.toolstack.request("checkInvariants")).toBe(0);
  });
});

/** The number of all hypercalls of the domain, as the hypervisor counts them. */
async function counted(): Promise<number> {
  const { domains } = await host.toolstack.request("statistics");
  return domains.find((each) => each.domid === domid)!.hypercalls!;
}

describe("xenarium run --trace", () => {
  it("writes what chrome://tracing and Perfetto open: every hypercall from the first to the last", async () => {
    const folder = temporaryFolder("trace");
    const file = path.join(folder, "trace.json");
    const guest = startGuest(["--kernel", mini, "--memory", "32", "--name", "traced", "--trace", file]);
    await guest.waitFor(/mini> /, 30_000);
    guest.type("hypercalls 500\r");
    await guest.waitFor(/500 hypercalls, /, 30_000);
    guest.type("poweroff\r");
    const { status, stderr } = await guest.done;
    expect(status, stderr).toBe(0);
    const events = JSON.parse(readFileSync(file, "utf8")) as {
      [key: string]: unknown;
      args: Record<string, unknown>;
    }[];
    expect(events[0]).toMatchObject({ ph: "M", name: "process_name", args: { name: "traced (d1)" } });
    const complete = events.filter(({ ph }) => ph === "X");
    for (const event of complete) {
      expect(event).toMatchObject({ pid: 1, tid: 0 });
      expect(event.ts).toBeGreaterThan(0);
      expect(event.dur).toBeGreaterThan(0);
    }
    expect(complete.filter(({ name }) => name === "XENVER_version").length).toBe(500);
    expect(complete.find(({ name }) => name === "VCPUOP_is_up")).toMatchObject({ args: { result: "-ENOENT" } });
    expect(complete.at(-1)).toMatchObject({ name: "SCHEDOP_shutdown", args: { reason: "SHUTDOWN_poweroff" } });
    expect(events.some(({ cat }) => cat === "lost")).toBe(false);
  });

  it.skipIf(guests !== null)(
    `names what Debian's kernel does, the entries of its multicalls among it${guests ? ` (${guests})` : ""}`,
    async () => {
      const folder = temporaryFolder("trace");
      const file = path.join(folder, "trace.json");
      const kernel = ["--kernel", debianKernel(), "--ramdisk", initramfs("ready"), "--cmdline", "console=hvc0"];
      const { status, stdout } = await runGuest([...kernel, "--timeout", "170", "--trace", file]);
      expect(stdout).toMatch(/GUEST-READY/);
      expect(status).toBe(0);
      interface Complete {
        name: string;
        cat: string;
        ph: string;
        ts: number;
        dur: number;
        args: Record<string, unknown>;
      }
      const events = (JSON.parse(readFileSync(file, "utf8")) as Complete[]).filter(({ ph }) => ph === "X");
      const names = new Set(events.map(({ name }) => name));
      for (const name of ["VMASST_CMD_enable", "CALLBACKOP_register", "GNTTABOP_query_size", "MMUEXT_PIN_L4_TABLE"])
        expect(names).toContain(name);
      const members = events.filter(({ args }) => args.multicall === true);
      const calls = events.filter(({ name }) => name === "multicall");
      expect(members.length).toBeGreaterThan(0);
      expect(calls.length).toBeGreaterThan(0);
      // The time of an entry lies inside that of its multicall, unless the multicall itself did not fit into the ring.
      const inside = members.filter(({ ts, dur }) =>
        calls.some((all) => all.ts <= ts && ts + dur <= all.ts + all.dur + 1e-3),
      );
      expect(inside.length).toBeGreaterThan(members.length / 2);
    },
    180_000,
  );

  it("says what is wrong with a file that it can't write", async () => {
    const guest = startGuest(["--kernel", mini, "--memory", "32", "--trace", "/nowhere/trace.json"]);
    const { status, stderr } = await guest.done;
    expect(status).toBe(2);
    expect(stderr).toContain("/nowhere/trace.json can't be written");
  });
});
