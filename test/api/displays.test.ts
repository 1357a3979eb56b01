/** Screens over the API: a session sees only those that it looks at and types only there, their number is bounded, and they end with the session. */
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { HostService } from "../../core/api/host-service.ts";
import { builtHost } from "../built-host.ts";
import { connectInMemory } from "./in-memory.ts";

let host: HostService;
let domid: number;

beforeAll(async () => {
  host = builtHost();
  await host.powerOn();
  const kernel = path.resolve(import.meta.dirname, "../../dist/assets/guests/mini.elf");
  const config = `name = "tiny"\nkernel = "${kernel}"\nmemory = 16\nvnc = 1\nvncdisplay = 330\n`;
  ({ domid } = await host.toolstack.request("create", { config }));
});
afterAll(() => host.powerOff(1000));

const viewers = async (): Promise<unknown> => {
  const { devices } = await host.toolstack.request("wiring", { domid });
  return devices.find(({ kind }) => kind === "vfb")!.behind!.figures.find(({ name }) => name === "viewers")!.value;
};

describe("screens over the API", () => {
  it("are black while nobody draws on them, with the address of their VNC server", async () => {
    const { client } = connectInMemory(host);
    const { viewer, vnc } = await client.request("displayOpen", { domid });
    expect(vnc).toEqual({ address: "127.0.0.1", port: expect.any(Number) as number, hasPassword: false });
    const { value } = await client.request("xenstoreRead", { path: `/local/domain/${domid}/console/vnc-port` });
    expect(value).toBe(String(vnc!.port));
    const part = await client.request("displayPart", { viewer });
    expect([part.width, part.height, part.isConnected, part.rectangles[0]]).toEqual([
      800,
      600,
      false,
      [0, 0, 800, 600],
    ]);
    expect(part.pixels.every((byte, i) => byte === (i % 4 === 3 ? 255 : 0))).toBe(true);
    // While nothing changes, the next answer waits, and a second question is refused.
    const waiting = expect(client.request("displayPart", { viewer })).rejects.toThrow(/looked at no more/);
    await expect(client.request("displayPart", { viewer })).rejects.toThrow(/waited for already/);
    await client.request("displayClose", { viewer });
    await waiting;
    await expect(client.request("displayPart", { viewer })).rejects.toThrow(/does not look at that screen/);
    client.close();
  });

  it("are no other session's, and end with their session", async () => {
    const [mine, other] = [connectInMemory(host).client, connectInMemory(host).client];
    const { viewer } = await mine.request("displayOpen", { domid });
    for (const deed of [
      other.request("displayPart", { viewer }),
      other.request("displayKey", { viewer, keycode: 30, isDown: true }),
      other.request("displayPointer", { viewer, x: 0, y: 0, buttons: 0, wheel: 0 }),
      other.request("displayRelease", { viewer }),
      other.request("displayClose", { viewer }),
    ])
      await expect(deed).rejects.toThrow(/does not look at that screen/);
    await expect.poll(viewers).toBe(1);
    mine.close();
    await expect.poll(viewers).toBe(0);
    // This is asked while the session ends.
    void other.request("displayOpen", { domid }).catch(() => {});
    other.close();
    await expect.poll(viewers).toBe(0);
  });

  it("are eight at most for a session, and what is asked of them is checked", async () => {
    const { client } = connectInMemory(host);
    const opened = [];
    for (let i = 0; i < 8; i++) opened.push(await client.request("displayOpen", { domid }));
    await expect(client.request("displayOpen", { domid })).rejects.toThrow(/looks at 8 screens/);
    const { viewer } = opened[0]!;
    const wrong = { keycode: 0, isDown: true, viewer };
    await expect(client.request("displayKey", wrong)).rejects.toThrow(/keycode/);
    await expect(client.request("displayKey", { ...wrong, keycode: 300 })).rejects.toThrow(/keycode/);
    const pointer = { viewer, x: 0, y: 0, buttons: 0, wheel: 0 };
    for (const each of [{ x: -1 }, { y: 70_000 }, { buttons: 8 }, { wheel: 99 }, { x: 0.5 }])
      await expect(client.request("displayPointer", { ...pointer, ...each })).rejects.toThrow(/displayPointer/);
    await client.request("displayPointer", { ...pointer, x: 65_535, y: 65_535 });
    await client.request("displayClose", { viewer });
    await expect(client.request("displayOpen", { domid: 0 })).rejects.toThrow(/no framebuffer/);
    client.close();
  });

  it("of a port that is taken are refused when the domain is created, with the reason", async () => {
    const { value } = await host.toolstack.request("xenstoreRead", { path: `/local/domain/${domid}/console/vnc-port` });
    const kernel = path.resolve(import.meta.dirname, "../../dist/assets/guests/mini.elf");
    const vfb = `vfb = ["vncunused=0,vncdisplay=${Number(value) - 5900}"]`;
    const config = `name = "second"\nkernel = "${kernel}"\nmemory = 16\n${vfb}\n`;
    await expect(host.toolstack.request("create", { config })).rejects.toThrow(
      `Framebuffer 0 can't be set up: its VNC server can't listen: port ${value} of 127.0.0.1 is in use.`,
    );
    expect((await host.toolstack.request("list")).map(({ name }) => name)).toEqual(["Domain-0", "tiny"]);
  });
});
