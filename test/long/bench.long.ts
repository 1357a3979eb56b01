/** What the benchmark measures, beside what test/bench does in `npm test`. No figure is compared with a limit here either. */
import { describe, expect, it } from "vitest";
import { measureIdle } from "../bench/idle.ts";
import { busySeconds } from "../bench/scaling.ts";
import { guestsMissing } from "../guests/images.ts";
import { compilerMissing } from "../guests/programs.ts";
import { PROCESS_FIGURES } from "../process.ts";

const missing = guestsMissing() ?? compilerMissing();

describe.skipIf(missing !== null)(`what the benchmark measures${missing ? ` (${missing})` : ""}`, () => {
  it("runs two copies of the CPU tests on two vCPUs of two domains, with equal results", async () => {
    // It throws if the checks differ.
    expect(await busySeconds(2, 2, 2, 1)).toBeGreaterThan(0);
  }, 300_000);

  it.skipIf(!PROCESS_FIGURES)(
    "sees what a served host with idle guests uses",
    async () => {
      const { percent } = await measureIdle({ seconds: 2, settleMs: 0 });
      expect(percent).toBeGreaterThanOrEqual(0);
      expect(percent).toBeLessThan(400);
    },
    300_000,
  );
});
