/** The Xen log as clients receive it: with levels, the same for clients that come later, and bounded. */
import { readFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ApiClient } from "../../core/api/client.ts";
import type { HostService } from "../../core/api/host-service.ts";
import type { Events, XenLogLine } from "../../core/api/schema.ts";
import { connectLocal } from "../../core/api/transport/local-client.ts";
import { serveLocal } from "../../core/api/transport/local-socket.ts";
import { builtHost } from "../built-host.ts";
import { buildForger, forgerMissing } from "../hypervisor/log/forger.ts";
import { temporaryFolder } from "../temporary.ts";

const missing = forgerMissing();
const socket = path.join(temporaryFolder("xen-log"), "host.sock");
const clients: ApiClient[] = [];
let host: HostService;
let served: Awaited<ReturnType<typeof serveLocal>>;
let image: Buffer;

async function attached(): Promise<{ client: ApiClient; lines: XenLogLine[]; events: () => number }> {
  const client = new ApiClient(await connectLocal(socket));
  clients.push(client);
  let events = 0;
  const { lines } = await client.request("xenLogAttach");
  client.on("xenLog", (more: Events["xenLog"]) => {
    events++;
    lines.push(...more.lines);
  });
  return { client, lines, events: () => events };
}

/** Runs the guest that forges, floods and crashes, until it ends. */
async function crashForger(name: string): Promise<void> {
  const gone = new Promise<void>((resolve) =>
    host.toolstack.on("stopped", (stopped) => {
      if (stopped.name === name) resolve();
    }),
  );
  await host.toolstack.request("create", {
    config: `name = "${name}"\nkernel = "forger.elf"\nextra = "crash"\nmemory = 16\non_crash = "destroy"\n`,
    files: { "forger.elf": image },
  });
  await gone;
}

describe.skipIf(missing !== null)(`the Xen log${missing ? ` (${missing})` : ""}`, () => {
  beforeAll(async () => {
    image = readFileSync(buildForger());
    host = builtHost({
      boot: {
        entries: [{ title: "All", cmdline: "dom0_mem=64M loglvl=all guest_loglvl=all" }],
        defaultEntry: 0,
        autostart: [],
      },
    });
    served = await serveLocal(host, socket);
    await host.powerOn();
  });
  afterAll(async () => {
    for (const client of clients) client.close();
    await served?.close();
    await host?.powerOff(0);
  });

  it("comes with levels as it is printed, and whole to who attaches later", async () => {
    const first = await attached();
    expect(first.lines[0]).toMatchObject({ level: null, origin: "xen" });
    expect(first.lines[0]!.text).toMatch(/^\(XEN\) Xen version 4\.17/);
    await crashForger("first");
    await expect.poll(() => first.lines.at(-1)!.text, { timeout: 20_000 }).toMatch(/^\(XEN\) {4}[0-9a-f]{16}|words\.$/);
    const errors = first.lines.filter(({ level }) => level === "error");
    expect(errors).toEqual([
      {
        text: "(XEN) d1v0 Unhandled fault/trap #6 [ec=0000]",
        level: "error",
        origin: "guest",
        time: expect.any(Number) as number,
      },
    ]);
    const said = first.lines.filter(({ origin }) => origin === "domain");
    expect(said.length).toBeGreaterThan(300);
    expect(said.every(({ level, text }) => level === "debug" && text.startsWith("(d1) "))).toBe(true);
    expect((await attached()).lines).toEqual(first.lines);
  });

  it("is the text of xl dmesg, whose -c clears the ring and not what clients have", async () => {
    const { client, lines } = await attached();
    const whole = await client.request("dmesg", {});
    const text = lines.map((line) => `${line.text}\n`).join("");
    // The ring may have lost the beginning of the log.
    expect(whole.length).toBeGreaterThan(1000);
    expect(text.endsWith(whole)).toBe(true);
    expect(await client.request("dmesg", { clear: true })).toBe(whole);
    expect(await client.request("dmesg", {})).toBe("");
    expect((await attached()).lines).toEqual(lines);
    await crashForger("second");
    await expect.poll(() => lines.filter(({ level }) => level === "error"), { timeout: 20_000 }).toHaveLength(2);
    expect(await client.request("dmesg", {})).toMatch(/^\(d2\) \(XEN\) Panic on CPU 0:\n/);
  });

  it("comes to nobody who has detached, and begins anew with the host", async () => {
    const gone = await attached();
    const here = await attached();
    await gone.client.request("xenLogDetach");
    await crashForger("third");
    await expect.poll(() => here.lines.filter(({ level }) => level === "error"), { timeout: 20_000 }).toHaveLength(3);
    expect(gone.events()).toBe(0);
    await host.powerOff(0);
    await host.powerOn();
    const { lines } = await attached();
    expect(lines.filter(({ text }) => text.includes("Xen version 4.17"))).toHaveLength(1);
    expect(lines.every(({ level }) => level === null)).toBe(true);
  });
});
