/** Handshakes over the API: that of the bundled guest's console, and that of a frontend driver in Debian's kernel. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ApiClient } from "../../core/api/client.ts";
import type { HostService } from "../../core/api/host-service.ts";
import type { HandshakeStep } from "../../core/api/schema.ts";
import { builtHost } from "../built-host.ts";
import { guestsMissing } from "../guests/images.ts";
import { startDebian } from "./debian.ts";
import { connectInMemory } from "./in-memory.ts";

const guests = guestsMissing();
let host: HostService;
let client: ApiClient;

const short = ({ side, by, key, before, after }: HandshakeStep): string =>
  `${side} ${by} ${key || "."} ${before ?? "-"}>${after ?? "-"}`;
const order = (steps: readonly HandshakeStep[], ...wanted: string[]): number[] =>
  wanted.map((each) => steps.findIndex((step) => short(step) === each));

beforeAll(async () => {
  host = builtHost({ memoryMiB: 512, firstGuest: true });
  await host.powerOn();
  client = connectInMemory(host).client;
});
afterAll(() => host.powerOff(1000));

describe("handshakes over the API", () => {
  it("begin with the domain, before anybody asked, and agree with the store", async () => {
    const { devices, ended } = await client.request("handshakes", { domid: 1 });
    expect(ended).toBe(false);
    expect(devices.map(({ kind, id }) => `${kind}/${id}`).sort()).toEqual(["console/0", "xenstore/0"]);
    const console = await client.request("handshake", { domid: 1, kind: "console", id: "0" });
    expect(console).toMatchObject({
      frontendPath: "/local/domain/1/console",
      backendPath: "/local/domain/0/backend/console/1/0",
      backendState: "4",
      gaps: [],
    });
    expect(console.list.every(({ by, time }) => by === 0 && time > 0)).toBe(true);
    for (const key of ["ring-ref", "port"]) {
      const step = console.list.find((each) => each.side === "frontend" && each.key === key)!;
      const { value } = await client.request("xenstoreRead", { path: `/local/domain/1/console/${key}` });
      expect(step.after).toBe(value);
    }
    const wiring = await client.request("wiring", { domid: 1 });
    expect(wiring.handshakes).toEqual(devices);
    expect((await client.request("wiring", { domid: 0 })).handshakes).toEqual(devices);
  });

  it("refuse what is not there with a sentence", async () => {
    await expect(client.request("handshakes", { domid: 77 })).rejects.toThrow(/domain 77/);
    await expect(client.request("handshake", { domid: 1, kind: "vbd", id: "1" })).rejects.toThrow(/no device vbd\/1/);
    for (const id of ["", "../console", "a b", "x".repeat(200)])
      await expect(client.request("handshake", { domid: 1, kind: "vbd", id })).rejects.toThrow(/id: must be a name/);
  });

  it("are known when the domain is gone", async () => {
    const { domid } = await client.request("createBundled", {});
    await client.request("destroy", { domid });
    const { ended, devices } = await client.request("handshakes", { domid });
    expect(ended).toBe(true);
    expect(devices).toHaveLength(2);
    const { list } = await client.request("handshake", { domid, kind: "console", id: "0" });
    expect(list.slice(-2).map(short).sort()).toEqual(["backend 0 . >-", "frontend 0 . >-"]);
  });

  it.skipIf(guests !== null)(
    `of Debian's keyboard driver has each step of both ends in order${guests ? ` (${guests})` : ""}`,
    async () => {
      const domid = await startDebian(host);
      // The driver is in the guest's kernel, so it connects as soon as a keyboard is attached.
      await client.request("deviceAttach", { domid, key: "vkb", spec: "backend-type=linux", folder: "/" });
      const device = () => client.request("handshake", { domid, kind: "vkbd", id: "0" });
      const states = async () => {
        const { frontendState, backendState } = await device();
        return `${frontendState} ${backendState}`;
      };
      await expect.poll(states, { timeout: 30_000 }).toBe("4 4");
      await client.request("deviceDetach", { domid, key: "vkb", device: "0" });
      const { list, gaps } = await device();
      const port = list.find(({ key }) => key === "event-channel")!;
      const grant = list.find(({ key }) => key === "page-gref")!;
      expect([port.by, grant.by]).toEqual([domid, domid]);
      const found = order(
        list,
        "backend 0 state ->1",
        "backend 0 state 1>2",
        // The guest sees the device when its backend is ready.
        "frontend 0 state ->1",
        `frontend ${domid} page-gref ->${grant.after}`,
        `frontend ${domid} event-channel ->${port.after}`,
        `frontend ${domid} state 1>3`,
        "backend 0 state 2>4",
        `frontend ${domid} state 3>4`,
        "backend 0 state 4>5",
        `frontend ${domid} state 4>6`,
      );
      expect(found).not.toContain(-1);
      expect(found).toEqual([...found].sort((a, b) => a - b));
      const times = list.map(({ time }) => time);
      expect(times).toEqual([...times].sort((a, b) => a - b));
      // Both were written in one transaction.
      expect(port.time).toBe(grant.time);
      expect(gaps).toEqual([]);
      await client.request("destroy", { domid });
      expect((await device()).list.map(short).slice(-2)).toContain("backend 0 . >-");
    },
    120_000,
  );
});
