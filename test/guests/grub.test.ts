import { describe, expect, it } from "vitest";
import { grubForXen, guestsMissing } from "./images.ts";
import { startGuest } from "./run.ts";

const missing = guestsMissing();

describe.skipIf(missing !== null)(`GRUB for Xen${missing ? ` (${missing})` : ""}`, () => {
  it("boots to its prompt and answers ls and help", async () => {
    const guest = startGuest(["--kernel", grubForXen(), "--memory", "128", "--timeout", "60"]);
    await guest.waitFor(/grub> /, 30_000);
    guest.mark();
    guest.type("ls\r");
    await guest.waitFor(/\(proc\)/, 10_000);
    guest.mark();
    guest.type("help\r");
    await guest.waitFor(/xen_ls/, 10_000);
    guest.mark();
    guest.type("halt\r");
    expect((await guest.done).status).toBe(0);
  }, 90_000);
});
