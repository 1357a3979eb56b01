import { ChevronLeft, ChevronRight, X } from "lucide-react";
import { useEffect, useLayoutEffect, useRef, useState, type KeyboardEvent } from "react";
import { act } from "../state/session.ts";
import { show, useApp, type View } from "../state/store.ts";
import { Figures } from "./figures.tsx";
import { guestOf, STEPS, type Step } from "./steps.ts";
import { endTour, useTour } from "./tour-state.ts";
import { placeFor, useTarget } from "./useTarget.ts";

/** The guided tour. A card stands beside the live thing that it describes, and everything under it goes on working. */
export function Tour() {
  const at = useTour((state) => state.step);
  if (at === null) return null;
  return <TourCard at={Math.min(at, STEPS.length - 1)} />;
}

function TourCard({ at }: { at: number }) {
  const step = STEPS[at]!;
  const view = useApp((state) => state.view);
  const domains = useApp((state) => state.domains);
  const power = useApp(({ host }) => host?.power ?? "off");
  const guest = guestOf(domains, view);
  const domid = guest?.domid ?? -1;
  const lacks = power !== "running" ? "host" : step.ofGuest && !guest ? "guest" : null;
  const card = useRef<HTMLDivElement>(null);
  const box = useTarget(() => (lacks ? null : step.target(domid)), `${at} ${domid} ${lacks}`);
  const place = usePlaced(card, box, at);

  // Goes to the view of the step. From there the user may go elsewhere.
  const go = (): void => {
    if (!lacks) show(step.view(domid));
  };
  useEffect(() => {
    go();
    // A view that opens may take the focus, as a console does, but the keys must stay the tour's.
    const frame = requestAnimationFrame(() => card.current?.focus({ preventScroll: true }));
    return () => cancelAnimationFrame(frame);
  }, [at, domid, lacks]);
  useEscape();

  const move = (by: number): void => {
    const next = at + by;
    if (next >= STEPS.length) endTour();
    else if (next >= 0) useTour.setState({ step: next });
  };
  const onKey = (event: KeyboardEvent): void => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const by = { ArrowRight: 1, PageDown: 1, ArrowLeft: -1, PageUp: -1 }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    move(by);
  };
  return (
    <>
      {box && <div className="tour-spot" aria-hidden style={{ ...box }} />}
      <div
        ref={card}
        className="tour-card"
        role="dialog"
        aria-modal={false}
        aria-labelledby="tour-title"
        aria-describedby="tour-text"
        tabIndex={-1}
        style={place}
        onKeyDown={onKey}
      >
        <Head title={step.title} at={at} />
        <div id="tour-text" aria-live="polite">
          {step.text.map((paragraph) => (
            <p key={paragraph}>{paragraph}</p>
          ))}
        </div>
        {lacks ? <Lacking what={lacks} /> : <Figures key={`${step.id} ${domid}`} step={step.id} guest={guest} />}
        <Foot at={at} onShow={lacks || isSeen(view, step, domid) ? null : go} onMove={move} />
      </div>
    </>
  );
}

function Head({ title, at }: { title: string; at: number }) {
  return (
    <div className="tour-head">
      <h2 id="tour-title">{title}</h2>
      <span className="muted">
        {at + 1} of {STEPS.length}
      </span>
      <button
        type="button"
        className="icon-button"
        aria-label="End the tour"
        title="End the tour (Esc)"
        onClick={endTour}
      >
        <X size={15} aria-hidden />
      </button>
    </div>
  );
}

/** `onShow`: leads to where the step is seen; null: it is seen, or there is nothing to see. */
function Foot({ at, onShow, onMove }: { at: number; onShow: (() => void) | null; onMove: (by: number) => void }) {
  const last = at === STEPS.length - 1;
  return (
    <div className="tour-foot">
      {onShow && (
        <button type="button" onClick={onShow}>
          Show it
        </button>
      )}
      <span className="spacer" />
      <button type="button" disabled={at === 0} title="←" onClick={() => onMove(-1)}>
        <ChevronLeft size={14} aria-hidden /> Back
      </button>
      <button type="button" className="primary" title="→" onClick={() => onMove(1)}>
        {last ? "Finish" : "Next"} {!last && <ChevronRight size={14} aria-hidden />}
      </button>
    </div>
  );
}

function isSeen(view: View, step: Step, domid: number): boolean {
  const wanted = step.view(domid);
  if (view.page === "host") return wanted.page === "host" && (view.tab ?? "overview") === wanted.tab;
  return wanted.page === "domain" && view.domid === wanted.domid && view.tab === wanted.tab;
}

/** Says what has to run before the step has something to show. */
function Lacking({ what }: { what: "host" | "guest" }) {
  const [busy, setBusy] = useState(false);
  const start = async (): Promise<void> => {
    setBusy(true);
    await (what === "host" ? act("hostPowerOn", {}) : act("createBundled", { vcpus: 2 }));
    setBusy(false);
  };
  return (
    <p className="tour-lacking">
      <span>{what === "host" ? "The host does not run now." : "No guest runs now."}</span>
      <button type="button" disabled={busy} onClick={() => void start()}>
        {what === "host" ? "Power the host on" : "Start the bundled guest"}
      </button>
    </p>
  );
}

/** Escape ends the tour, unless a dialog is open or the key belongs to something else, such as a console or a field. */
function useEscape(): void {
  useEffect(() => {
    const onKey = (event: globalThis.KeyboardEvent): void => {
      if (event.key !== "Escape" || event.defaultPrevented || document.querySelector("dialog[open]")) return;
      if (event.target instanceof Element && event.target.closest(".xterm, input, textarea, select")) return;
      endTour();
    };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, []);
}

/** Places the card beside the thing, by the card's own size, which differs from step to step. */
function usePlaced(
  card: React.RefObject<HTMLDivElement | null>,
  box: ReturnType<typeof useTarget>,
  at: number,
): { left: number; top: number } {
  const [place, setPlace] = useState({ left: 0, top: 0 });
  const size = useRef("");
  useLayoutEffect(() => {
    const element = card.current!;
    const put = (): void => {
      size.current = `${element.offsetWidth}x${element.offsetHeight}`;
      setPlace((before) => {
        const next = placeFor(box, element.offsetWidth, element.offsetHeight);
        return before.left === next.left && before.top === next.top ? before : next;
      });
    };
    put();
    const sizes = new ResizeObserver(() => {
      if (size.current !== `${element.offsetWidth}x${element.offsetHeight}`) put();
    });
    sizes.observe(element);
    window.addEventListener("resize", put);
    return () => {
      sizes.disconnect();
      window.removeEventListener("resize", put);
    };
  }, [box, at]);
  return place;
}
