import { Pause, Play } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { useLive } from "../../state/live.ts";
import { request } from "../../state/session.ts";
import { useApp } from "../../state/store.ts";
import { onTheme } from "../../ui/theme.ts";
import { drawLanes, heightOf, LABEL_PIXELS, LANE_PIXELS } from "./draw.ts";
import { eachTurn, IDLE, KEPT_NS, Lanes, NOT_KEPT, totalsOf, type Turn } from "./lanes.ts";
import "../../styles/timeline.css";
import { Table, type Columns } from "../../ui/Table.tsx";

const COLUMNS: Columns = [
  { title: "pCPU", term: "pcpu" },
  "Busy",
  { title: "Switches", term: "switches" },
  { title: "By vCPU", term: "vcpu" },
];

const REFRESH_MS = 500;
const IDLE_REFRESH_MS = 2000;
/** A switch may be written a little after it happened, so this span is asked for again. */
const OVERLAP_NS = 100e6;
const WINDOWS = [1, 5, 10] as const;
const MOST_SHARES = 6;

/** Shows which vCPU ran where, with a lane for each pCPU, from the scheduler's own records. */
export function Timeline() {
  const live = useLive();
  const domains = useApp((state) => state.domains);
  const lanes = useRef(new Lanes());
  const canvas = useRef<HTMLCanvasElement>(null);
  /** Whether what was shown last was more than idleness. */
  const drawn = useRef(true);
  const [, redraw] = useState(0);
  const [seconds, setSeconds] = useState<(typeof WINDOWS)[number]>(5);
  const [paused, setPaused] = useState(false);
  const [cursor, setCursor] = useState<{ lane: number; time: number } | null>(null);
  const following = live && !paused;

  useEffect(() => {
    if (!following) return;
    let current = true;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const ask = async (): Promise<void> => {
      const since = Math.max(0, lanes.current.time - OVERLAP_NS);
      const answer = await request("switches", { since }).catch(() => null);
      if (!current) return;
      if (answer) {
        const { length } = lanes.current.lanes;
        lanes.current.take(answer);
        // Idle lanes look the same at all times.
        const changed =
          !lanes.current.isIdleSince(lanes.current.time - KEPT_NS) || lanes.current.lanes.length !== length;
        if (changed || drawn.current) redraw((count) => count + 1);
        drawn.current = changed;
      }
      timer = setTimeout(() => void ask(), drawn.current ? REFRESH_MS : IDLE_REFRESH_MS);
    };
    void ask();
    return () => {
      current = false;
      clearTimeout(timer);
    };
  }, [following]);

  const to = lanes.current.time;
  const from = to - seconds * 1e9;
  const shown = lanes.current.lanes;
  const nameOf = (domid: number): string => domains.find((each) => each.domid === domid)?.name ?? `domain ${domid}`;
  const paint = useRef(() => {});
  useEffect(() => {
    paint.current = () => {
      if (canvas.current) drawLanes(canvas.current, shown, from, to, nameOf, cursor);
    };
    paint.current();
  });
  const hasLanes = shown.length > 0;
  useEffect(() => {
    const draw = (): void => paint.current();
    const observer = new ResizeObserver(draw);
    if (canvas.current) observer.observe(canvas.current);
    const scheme = matchMedia("(prefers-color-scheme: dark)");
    scheme.addEventListener("change", draw);
    const ended = onTheme(draw);
    return () => {
      observer.disconnect();
      scheme.removeEventListener("change", draw);
      ended();
    };
  }, [hasLanes]);

  const place = (event: React.PointerEvent<HTMLCanvasElement>): void => {
    const { left, top, width } = event.currentTarget.getBoundingClientRect();
    const lane = Math.floor((event.clientY - top) / LANE_PIXELS);
    const part = (event.clientX - left - LABEL_PIXELS) / (width - LABEL_PIXELS);
    setCursor(part >= 0 && part <= 1 && lane < shown.length ? { lane, time: from + part * (to - from) } : null);
  };
  const keys = (event: React.KeyboardEvent): void => {
    const { lane, time } = cursor ?? { lane: 0, time: to };
    const within = (at: number): number => Math.max(from, Math.min(to - 1, at));
    const turns = shown[lane]?.turns ?? [];
    const moves: Record<string, () => { lane: number; time: number }> = {
      ArrowLeft: () => ({ lane, time: within(turns.findLast((turn) => turn.from < time - 1)?.from ?? from) }),
      ArrowRight: () => ({ lane, time: within(turns.find((turn) => turn.from > time)?.from ?? to) }),
      ArrowUp: () => ({ lane: Math.max(0, lane - 1), time: within(time) }),
      ArrowDown: () => ({ lane: Math.min(shown.length - 1, lane + 1), time: within(time) }),
    };
    const move = moves[event.key];
    if (!move) return;
    event.preventDefault();
    setPaused(true);
    setCursor(move());
  };

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
      {shown.length === 0 ? (
        <p className="muted">Reading the scheduler’s records…</p>
      ) : (
        <>
          <div
            className="timeline-box"
            role="application"
            aria-label="Timeline of the pCPUs"
            aria-describedby="timeline-at"
            tabIndex={0}
            onKeyDown={keys}
          >
            <canvas
              ref={canvas}
              style={{ height: heightOf(shown.length) }}
              data-turns={shown.reduce((sum, { turns }) => sum + turns.length, 0)}
              onPointerMove={place}
              onPointerLeave={() => !paused && setCursor(null)}
            />
          </div>
          <p id="timeline-at" className="muted timeline-at" aria-live="polite">
            {(cursor && describe(shown[cursor.lane], cursor.time, to, nameOf)) ??
              "Point at a lane, or use the arrow keys, to see what ran. Domain-0 is a thread of this computer, on no pCPU."}
          </p>
          <Table label="What each pCPU did" columns={COLUMNS}>
            {shown.map((lane) => {
              const { pcpu, busy, switchesPerSecond, shares } = totalsOf(lane, Math.max(0, from), to);
              return (
                <tr key={pcpu}>
                  <th scope="row">{pcpu}</th>
                  <td>{Number.isFinite(busy) ? `${(100 * busy).toFixed(1)}%` : "–"}</td>
                  <td>{switchesPerSecond.toFixed(0)}/s</td>
                  <td>
                    {shares
                      .slice(0, MOST_SHARES)
                      .map(({ domid, vcpu, part }) => `${nameOf(domid)} vCPU ${vcpu}: ${(100 * part).toFixed(1)}%`)
                      .join(", ") || "idle"}
                    {shares.length > MOST_SHARES && `, and ${shares.length - MOST_SHARES} more`}
                  </td>
                </tr>
              );
            })}
          </Table>
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
