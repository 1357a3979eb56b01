import { expect, it } from "vitest";
import { Host, PvDomain } from "./host.ts";

/** When string I/O is emulated, the hypervisor reads the bitmap of ports by guest access while it also uses translations. */
it("a flusher waits for an access to guest memory until it ends, also after another one within it", async () => {
  const host = await Host.boot(64);
  const domain = new PvDomain(host, 1, 40);
  host.core.become(1);
  expect(host.core.waitedFor(domain.va(7))).toBe(0b0110);
  // An access with a bad pointer ends the wait likewise.
  expect(host.core.waitedFor(0x1234_5000n)).toBe(0b0110);
});
