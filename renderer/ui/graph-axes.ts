/** The axes that all graphs have: clock times below, values with their unit at the left. */
import type uPlot from "uplot";
import { clockMinutes, clockText } from "./clock.ts";
import { TIME_PIXELS, TIME_STEPS } from "./time-steps.ts";
import { themeColor } from "./theme.ts";
import { formatTick } from "./units.ts";

const FONT = "11px system-ui";
/** Room for "1000 MiB". */
const VALUE_PIXELS = 62;
const ROW_PIXELS = 26;

/** For a time axis in milliseconds or seconds since 1970. */
export function graphAxes(unit: string): uPlot.Axis[] {
  const axis = { stroke: themeColor("--text-faint"), grid: { stroke: themeColor("--line"), width: 1 }, font: FONT };
  return [
    {
      ...axis,
      size: ROW_PIXELS,
      space: TIME_PIXELS,
      incrs: TIME_STEPS,
      values: (_u, ticks, _axis, _space, step) =>
        ticks.map((at) => (step % 60 === 0 ? clockMinutes(at * 1000) : clockText(at * 1000))),
    },
    {
      ...axis,
      size: VALUE_PIXELS,
      space: ROW_PIXELS + 2,
      values: (_u, ticks) => ticks.map((value) => formatTick(value, unit)),
    },
  ];
}
