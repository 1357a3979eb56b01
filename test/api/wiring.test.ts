/** How devices are wired, as the real host reports it: rings, ports and grants that belong together. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { HostService } from "../../core/api/host-service.ts";
import type { DeviceWiring, DomainWiring, ServerMessage } from "../../core/api/schema.ts";
import { Session } from "../../core/api/session.ts";
import { builtHost } from "../built-host.ts";
import { guestsMissing } from "../guests/images.ts";
import { onConsole } from "../guests/on-console.ts";
import { startDebian } from "./debian.ts";

const guests = guestsMissing();
let host: HostService;
const wiring = (domid: number): Promise<DomainWiring> => host.toolstack.request("wiring", { domid });
const device = ({ devices }: DomainWiring, kind: string): DeviceWiring => devices.find((each) => each.kind === kind)!;
const log = (): Promise<string> => onConsole(() => host).shown(1);
const direction = ({ rings }: DeviceWiring, name: string) => rings[0]!.directions.find((each) => each.name === name)!;
const figure = ({ behind }: DeviceWiring, name: string) => behind!.figures.find((each) => each.name === name)?.value;

/** More events were counted than before, and both ends agree on the number. */
function expectCounted(before: DeviceWiring, after: DeviceWiring): void {
  const [was, is] = [before.rings[0]!, after.rings[0]!];
  expect(is.backendPort!.received!).toBeGreaterThan(was.backendPort!.received!);
  expect(is.frontendPort).toMatchObject({ sent: is.backendPort!.received, received: is.backendPort!.sent });
}

beforeAll(async () => {
  host = builtHost({ memoryMiB: 512, firstGuest: true });
  await host.powerOn();
});
afterAll(() => host.powerOff(1000));

describe("the wiring of a domain", () => {
  it("joins both ends of each event channel and names the granted frame of each ring", async () => {
    const report = await wiring(1);
    expect(report.devices.map(({ halted }) => halted)).toEqual([null, null]);
    expect(report).toMatchObject({ domid: 1, name: "mini-1", eventAbi: "2-level", grants: { version: 1, more: 0 } });
    expect(report.devices.map(({ kind }) => kind)).toEqual(["console", "xenstore"]);
    expect(device(report, "console")).toMatchObject({ id: "0", backendDomid: 0, backendState: "4", problem: null });
    for (const { rings, frontendPath } of report.devices) {
      expect(rings).toHaveLength(1);
      const { frontendPort, backendPort, grants } = rings[0]!;
      expect(grants).toHaveLength(1);
      const { grant, ref, mfn } = grants[0]!;
      expect(frontendPort).toMatchObject({ state: "interdomain", remoteDomid: 0, remotePort: backendPort!.port });
      expect(backendPort).toMatchObject({ state: "interdomain", remoteDomid: 1, remotePort: frontendPort!.port });
      expect(grant).toMatchObject({ ref, kind: "permit_access", domid: 0, readonly: false, mfn });
      expect(grant!.writing).toBe(true);
      expect(report.ports).toContainEqual(expect.objectContaining({ port: frontendPort!.port }));
      const { value } = await host.toolstack.request("xenstoreRead", { path: `${frontendPath}/ring-ref` });
      expect(Number(value)).toBe(mfn);
      const port = await host.toolstack.request("xenstoreRead", { path: `${frontendPath}/port` });
      expect(Number(port.value)).toBe(frontendPort!.port);
    }
    // This comes true as soon as the guest has bound its timer.
    await expect.poll(async () => (await wiring(1)).ports.some(({ state }) => state === "virq")).toBe(true);
  });

  it("counts what goes through: bytes in the ring's indices, events at the ports", async () => {
    await expect.poll(log).toMatch(/mini> $/);
    const before = device(await wiring(1), "console");
    await host.toolstack.request("consoleInput", { domid: 1, bytes: new TextEncoder().encode("help\r") });
    await expect.poll(log).toMatch(/switch off[^]*mini> $/);
    const after = device(await wiring(1), "console");
    expect(direction(after, "in").producer - direction(before, "in").producer).toBe(5);
    expect(direction(after, "in").consumer).toBe(direction(after, "in").producer);
    const written = direction(after, "out").producer - direction(before, "out").producer;
    expect(written).toBeGreaterThan(100);
    expect(figure(after, "streamBytes")).toBe(direction(after, "out").consumer);
    expectCounted(before, after);
    expect(await host.toolstack.request("checkInvariants")).toBe(0);
  });

  it("counts xenstore's requests: each has a header and a path in one direction, a reply in the other", async () => {
    const before = device(await wiring(1), "xenstore");
    await host.toolstack.request("consoleInput", { domid: 1, bytes: new TextEncoder().encode("xenstore-ls\r") });
    await expect.poll(log).toMatch(/ring-ref = [^]*mini> $/);
    // Everything that was asked has been answered and the answers are taken, so nothing is left in the ring.
    const left = async (name: string): Promise<number> => {
      const { producer, consumer } = direction(device(await wiring(1), "xenstore"), name);
      return producer - consumer;
    };
    await expect.poll(() => left("req")).toBe(0);
    await expect.poll(() => left("rsp")).toBe(0);
    const after = device(await wiring(1), "xenstore");
    const requests = Number(figure(after, "requests")) - Number(figure(before, "requests"));
    expect(requests).toBeGreaterThan(20);
    for (const name of ["req", "rsp"])
      expect(direction(after, name).producer - direction(before, name).producer, name).toBeGreaterThan(16 * requests);
    expectCounted(before, after);
  });

  it("shows a paused guest's input waiting in the ring, and its port pending", async () => {
    await host.toolstack.request("pause", { domid: 1 });
    await host.toolstack.request("consoleInput", { domid: 1, bytes: new Uint8Array(2000).fill(0x61) });
    const paused = device(await wiring(1), "console");
    const { producer, consumer, size } = direction(paused, "in");
    expect(producer - consumer).toBe(size);
    expect(figure(paused, "waitingInput")).toBe(2000 - size);
    expect(paused.rings[0]!.frontendPort!.pending).toBe(true);
    expect(paused.halted).toBe("paused");
    await host.toolstack.request("unpause", { domid: 1 });
  });

  it("of dom0 names all that it is the backend of, and is sent only to who asks, while it asks", async () => {
    const dom0 = await wiring(0);
    expect(dom0.devices.map(({ domid, kind }) => [domid, kind])).toEqual([
      [1, "console"],
      [1, "xenstore"],
    ]);
    expect(dom0.ports.filter(({ state }) => state === "interdomain")).toHaveLength(2);
    await expect(wiring(77)).rejects.toThrow(/no domain 77/);
    const connect = () => {
      const sent: ServerMessage[] = [];
      const session = new Session(host, {
        send: (message) => void sent.push(message),
        backlog: 0,
        end: () => {},
        mayNameFiles: false,
      });
      const events = () => sent.filter((message) => "event" in message && message.event === "wiring").length;
      const every = (id: number, milliseconds: number) =>
        session.receive({ id, request: "wiringEvery", args: { domid: 1, milliseconds } });
      return { sent, session, events, every };
    };
    const [one, other] = [connect(), connect()];
    await one.every(1, 250);
    await expect.poll(one.events).toBeGreaterThan(1);
    await one.every(2, 0);
    const count = one.events();
    // Those of another session go on at their rate.
    await other.every(1, 250);
    await expect.poll(other.events).toBeGreaterThan(2);
    expect(one.events()).toBeLessThanOrEqual(count + 1);
    await one.every(3, 1);
    expect(one.sent.at(-1)).toMatchObject({ id: 3, error: { code: "EBADREQUEST" } });
    one.session.end();
    other.session.end();
  });

  it.skipIf(guests !== null)(
    `of a Linux guest shows the FIFO ABI, its interrupts and its rings${guests ? ` (${guests})` : ""}`,
    async () => {
      const domid = await startDebian(host);
      const report = await wiring(domid);
      expect(report).toMatchObject({ eventAbi: "FIFO", grants: { version: expect.any(Number) } });
      expect(report.ports.map(({ state }) => state)).toEqual(expect.arrayContaining(["interdomain", "virq", "ipi"]));
      for (const { rings } of report.devices) {
        const { frontendPort, backendPort, grants } = rings[0]!;
        const { grant, mfn } = grants[0]!;
        expect(frontendPort).toMatchObject({ state: "interdomain", masked: false, remotePort: backendPort!.port });
        expect(grant).toMatchObject({ mfn, writing: true });
        expect(frontendPort!.sent).toBeGreaterThan(0);
      }
      expect(await host.toolstack.request("checkInvariants")).toBe(0);
      await host.toolstack.request("destroy", { domid });
    },
    90_000,
  );
});
