/** Figures and times as graphs write them. */
import { describe, expect, it } from "vitest";
import { TIME_PIXELS, TIME_STEPS } from "../../renderer/ui/time-steps.ts";
import { clockMinutes, clockText, dateText } from "../../renderer/ui/clock.ts";
import { formatTick, formatValue } from "../../renderer/ui/units.ts";

describe("figures with units", () => {
  it("say what they are beside a line's name", () => {
    const cases: [number, string, string][] = [
      [12.34, "%", "12.3%"],
      [100, "%", "100%"],
      [0, "/s", "0/s"],
      [9999, "/s", "9999/s"],
      [12_345, "/s", "12.3 k/s"],
      [2_500_000, "/s", "2500 k/s"],
      [12_500_000, "/s", "12.5 M/s"],
      [640, "M/s", "640 M/s"],
      [12_400, "M/s", "12.4 G/s"],
      [2048, "MiB", "2048 MiB"],
      [NaN, "%", "–"],
    ];
    for (const [value, unit, text] of cases) expect(formatValue(value, unit)).toBe(text);
  });
  it("say at an axis's marks what is counted: a thousand millions are G, not k", () => {
    const cases: [number, string, string][] = [
      [50, "%", "50%"],
      [0, "M/s", "0 M/s"],
      [500, "M/s", "500 M/s"],
      [1000, "M/s", "1 G/s"],
      [1500, "M/s", "1.5 G/s"],
      [2000, "/s", "2 k/s"],
      [1e6, "/s", "1 M/s"],
      [0.2, "/s", "0.2/s"],
      [1000, "MiB", "1000 MiB"],
    ];
    for (const [value, unit, text] of cases) expect(formatTick(value, unit)).toBe(text);
  });
});

describe("the time axis", () => {
  it("has a step for every width and every time that is shown, so that marks never vanish", () => {
    for (const width of [150, 230, 500, 1200, 2500])
      for (let seconds = 5; seconds <= 86_400; seconds = Math.ceil(seconds * 1.2)) {
        const step = TIME_STEPS.find((each) => (each / seconds) * width >= TIME_PIXELS);
        expect(step, `${seconds} s on ${width} pixels`).toBeDefined();
      }
  });
});

describe("times", () => {
  it("have 24 hours and two digits each", () => {
    const at = new Date(2026, 0, 2, 3, 4, 5).getTime();
    expect(clockText(at)).toBe("03:04:05");
    expect(clockMinutes(at)).toBe("03:04");
    expect(dateText(at)).toBe("2026-01-02 03:04:05");
    expect(clockText(new Date(2026, 0, 2, 23, 59, 59).getTime())).toBe("23:59:59");
  });
});
