/** Event channels of a native domain, whose shared_info other threads change at any time. */
import { afterEach, beforeEach, expect, it } from "vitest";
import { DEVICE_KINDS } from "../../core/dom0/backends/kinds.ts";
import { fakeHost, type FakeHost } from "./xenbus/host.ts";

let host: FakeHost;
beforeEach(() => {
  host = fakeHost(DEVICE_KINDS);
});
afterEach(() => host.events.stop());

it("let timers and messages have their turn however fast others send events, and lose none of these", async () => {
  const MOST = 100_000;
  let [events, turns] = [0, 0];
  const port = 40;
  let isStorm = true;
  // The other domain sends the next event while this one is being handled.
  host.events.bind(port, () => {
    if (++events < MOST && isStorm) host.xen.raise(port);
  });
  const turn = (): void => {
    turns++;
    if (isStorm) setImmediate(turn);
  };
  setImmediate(turn);
  const timer = new Promise((resolve) => setTimeout(resolve, 5));
  host.xen.raise(port);
  await timer;
  isStorm = false;
  expect(events).toBeLessThan(MOST);
  expect(turns).toBeGreaterThan(events / 100);
  const before = events;
  host.xen.raise(port);
  await expect.poll(() => events).toBeGreaterThan(before);
});
