import { Pause, Play } from "lucide-react";
import { useState } from "react";
import { useLive } from "../../state/live.ts";
import { useApp } from "../../state/store.ts";
import type { Cursor } from "./keys.ts";
import { LaneCanvas } from "./LaneCanvas.tsx";
import { eachTurn, IDLE, NOT_KEPT, type Turn } from "./lanes.ts";
import { LaneTable } from "./LaneTable.tsx";
import { useLanes } from "./useLanes.ts";
import "../../styles/timeline.css";

const WINDOWS = [1, 5, 10] as const;

/** Shows which vCPU ran where, with a lane for each pCPU, from the scheduler's own records. */
export function Timeline() {
  const live = useLive();
  const domains = useApp((state) => state.domains);
  const [seconds, setSeconds] = useState<(typeof WINDOWS)[number]>(5);
  const [paused, setPaused] = useState(false);
  const [cursor, setCursor] = useState<Cursor | null>(null);
  const { lanes, time: to } = useLanes(live && !paused);
  const from = to - seconds * 1e9;
  const nameOf = (domid: number): string => domains.find((each) => each.domid === domid)?.name ?? `domain ${domid}`;
  const shown = { lanes, from, to, nameOf };
  return (
    <section className="card timeline">
      <header className="card-header">
        <h2>Which vCPU runs where</h2>
        <span className="spacer" />
        <div className="segmented" role="group" aria-label="Seconds shown">
          {WINDOWS.map((each) => (
            <button key={each} type="button" aria-pressed={seconds === each} onClick={() => setSeconds(each)}>
              {each} s
            </button>
          ))}
        </div>
        <button type="button" aria-pressed={paused} onClick={() => setPaused(!paused)}>
          {paused ? <Play size={14} /> : <Pause size={14} />} {paused ? "Follow" : "Hold"}
        </button>
      </header>
      {lanes.length === 0 ? (
        <p className="muted">Reading the scheduler’s records…</p>
      ) : (
        <>
          <LaneCanvas
            {...shown}
            cursor={cursor}
            onPoint={setCursor}
            onLeave={() => !paused && setCursor(null)}
            onKeys={(next) => {
              setPaused(true);
              setCursor(next);
            }}
          />
          <p id="timeline-at" className="muted timeline-at" aria-live="polite">
            {(cursor && describe(lanes[cursor.lane], cursor.time, to, nameOf)) ??
              "Point at a lane, or use the arrow keys, to see what ran. Domain-0 is a thread of this computer, on no pCPU."}
          </p>
          <LaneTable {...shown} />
        </>
      )}
    </section>
  );
}

function describe(
  lane: { pcpu: number; turns: Turn[] } | undefined,
  time: number,
  to: number,
  nameOf: (domid: number) => string,
): string | null {
  let text: string | null = null;
  if (!lane) return text;
  eachTurn(lane.turns, -Infinity, to, ({ domid, vcpu }, start, end) => {
    if (time < start || time >= end) return;
    const what =
      domid === IDLE ? "idle" : domid === NOT_KEPT ? "not kept: too many switches" : `${nameOf(domid)} vCPU ${vcpu}`;
    const went = end === to ? "so far" : "long";
    text = `pCPU ${lane.pcpu}: ${what}, ${milliseconds(end - start)} ${went}, begun ${milliseconds(to - start)} ago`;
  });
  return text;
}

function milliseconds(nanoseconds: number): string {
  const value = nanoseconds / 1e6;
  return value >= 1000 ? `${(value / 1000).toFixed(2)} s` : `${value.toFixed(value < 10 ? 3 : 1)} ms`;
}
