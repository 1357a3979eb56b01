/** The history of handshakes in Devices: two lanes, live, also for a device and a domain that are gone; and what it looks like when a domain ends. */
import { readFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ApiClient } from "../../core/api/client.ts";
import { Application } from "./application.ts";
import { chromiumMissing } from "./browser.ts";

const missing = chromiumMissing();
const mini = path.resolve(import.meta.dirname, "../../dist/assets/guests/mini.elf");
const FRONT = "/local/domain/1/device/vsnd/0";
const BACK = "/local/domain/0/backend/vsnd/1/0";
let app: Application;
let client: ApiClient;

const part = (id: string) => app.page.locator(`.react-flow__node[data-id="${id}"]`);
const card = () => app.page.locator(".handshake");
const steps = () => card().locator("tbody tr");
const lane = (side: 0 | 1): Promise<string[]> =>
  steps()
    .locator("td")
    .and(card().locator(`td:nth-child(${side + 2})`))
    .allInnerTexts();
const write = (at: string, value: string): Promise<null> => client.request("xenstoreWrite", { path: at, value });

describe.skipIf(missing !== null)(`handshakes${missing ? ` (${missing})` : ""}`, () => {
  beforeAll(async () => {
    app = await Application.start();
    await app.startGuest();
    client = await app.client();
  });
  afterAll(async () => {
    client?.close();
    await app?.stop();
  });

  it("shows who wrote what of the device that is clicked, from the domain's creation on", async () => {
    await app.tab("Devices");
    await part("1/xenstore/0:frontend").click();
    await expect.poll(() => card().getByLabel("Device").inputValue()).toBe("1/xenstore/0");
    await part("1/console/0:ring").click();
    await expect.poll(() => card().getByLabel("Device").inputValue()).toBe("1/console/0");
    const { value } = await client.request("xenstoreRead", { path: "/local/domain/1/console/ring-ref" });
    await card().getByText(`ring-ref = ${value}`).waitFor();
    const written = (await lane(0)).find((text) => text.includes("ring-ref"));
    expect(written).toContain("Domain-0");
    expect((await lane(1)).join()).toContain("1 Initialising");
    await app.shoot("handshake-console");
  });

  it("follows a handshake as it goes on, times from its first step, states with their names", async () => {
    for (const [key, value] of [
      ["frontend", FRONT],
      ["frontend-id", "1"],
      ["online", "1"],
      ["state", "1"],
    ] as const)
      await write(`${BACK}/${key}`, value);
    for (const [key, value] of [
      ["backend", BACK],
      ["backend-id", "0"],
      ["state", "1"],
    ] as const)
      await write(`${FRONT}/${key}`, value);
    const device = card().getByLabel("Device");
    await expect.poll(() => device.locator("option").allInnerTexts()).toContain("vsnd 0");
    await device.focus();
    await device.selectOption({ label: "vsnd 0" });
    await expect.poll(() => steps().count()).toBe(7);
    await write(`${BACK}/feature-rx-copy`, "1");
    await write(`${BACK}/state`, "2");
    await write(`${FRONT}/tx-ring-ref`, "768");
    await write(`${FRONT}/rx-ring-ref`, "769");
    await write(`${FRONT}/event-channel`, "9");
    await write(`${FRONT}/state`, "4");
    await write(`${BACK}/state`, "4");
    await expect.poll(() => steps().count()).toBe(14);
    await card().getByText("State: frontend 4 Connected, backend 4 Connected").waitFor();
    expect(await steps().first().locator("th").innerText()).toBe("+0 µs");
    expect((await lane(0)).filter(Boolean).map((text) => text.replace(/\s+Domain-0$/, ""))).toEqual([
      `backend = ${BACK}`,
      "backend-id = 0",
      "1 Initialising",
      "tx-ring-ref = 768",
      "rx-ring-ref = 769",
      "event-channel = 9",
      "1 Initialising → 4 Connected",
    ]);
    await card().getByRole("group", { name: "Handshake of vsnd 0" }).focus();
    await app.page.keyboard.press("End");
    await card().scrollIntoViewIfNeeded();
    await app.shoot("handshake-live");
    await card().getByLabel("States only").check();
    await expect.poll(() => steps().count()).toBe(5);
    await card().getByLabel("States only").uncheck();
  });

  it("says how much was left out when one end writes in a loop, and keeps the other's steps", async () => {
    for (let i = 0; i < 300; i++) await write(`${FRONT}/state`, String(5 + (i % 2)));
    await write(`${BACK}/state`, "6");
    await card().getByText("more steps, not kept").waitFor();
    await expect.poll(() => card().locator("p").first().innerText()).toMatch(/\d+ more left out/);
    await expect.poll(async () => (await lane(1)).filter(Boolean).at(-1)).toContain("4 Connected → 6 Closed");
    expect(await steps().count()).toBeLessThan(200);
    await app.shoot("handshake-loop");
  });

  it("shows the end of a device, and of its domain", async () => {
    await client.request("xenstoreRemove", { path: BACK });
    await expect.poll(async () => (await lane(1)).filter(Boolean).at(-1)).toContain("removed");
    await client.request("destroy", { domid: 1 });
    await app.page.getByText("This domain does not run.").waitFor();
    await app.page.getByText("Its rings, ports and grants went with it").waitFor();
    await card().getByLabel("Device").selectOption({ label: "Console 0" });
    await expect.poll(async () => (await lane(0)).filter(Boolean).at(-1)).toContain("removed");
    await app.shoot("handshake-ended");
  });

  it("shows a crashed domain that is kept, and one that is empty, as they are", async () => {
    const name = "kept";
    const { file } = await client.request("fileBegin", { name: "mini.elf", size: readFileSync(mini).length });
    await client.request("fileChunk", { file, offset: 0, bytes: readFileSync(mini) });
    const config = `name = "${name}"\nkernel = "mini.elf"\nmemory = 32\non_crash = "preserve"\n`;
    const { domid } = await client.request("create", { config, files: { "mini.elf": file }, paused: true });
    await app.page.locator(".side-domain", { hasText: name }).click();
    await app.tab("Devices");
    // The domain has not run yet. Both ends are there, the domain has written nothing, and nothing moves.
    await part(`${domid}/console/0:ring`).waitFor();
    expect(await part(`${domid}/console/0:ring`).innerText()).toContain("0 of 2048 B");
    await expect.poll(() => part(`${domid}/console/0:frontend`).innerText()).toContain("paused");
    expect(await app.page.locator(".react-flow__edge.flows").count()).toBe(0);
    await app.shoot("devices-not-run");
    await client.request("unpause", { domid });
    await app.tab("Console");
    await app.waitForTerminal(/mini> /, 15);
    await app.type("crash");
    await app.page.locator(".badge", { hasText: "Crashed" }).waitFor();
    await app.tab("Devices");
    await expect.poll(() => part(`${domid}/console/0:frontend`).innerText()).toContain("crashed");
    await expect.poll(() => app.page.locator(".react-flow__edge.flows").count()).toBe(0);
    await app.shoot("devices-crashed");
  });

  it("has logged no error", () => expect(app.problems).toEqual([]));
});
