import { STATE_WORDS, type DomainState } from "./state-words.ts";

/** A domain's state as a mark. Each state has a shape of its own, not only a colour. */
const SHAPES: Record<DomainState, React.ReactNode> = {
  running: <circle cx="5" cy="5" r="4" />,
  idle: <circle cx="5" cy="5" r="3.2" className="mark-hollow" />,
  paused: (
    <>
      <rect x="1.5" y="1" width="2.5" height="8" />
      <rect x="6" y="1" width="2.5" height="8" />
    </>
  ),
  crashed: <path d="M1.5 1.5 L8.5 8.5 M8.5 1.5 L1.5 8.5" className="mark-hollow mark-thick" />,
  shutdown: <rect x="1.5" y="1.5" width="7" height="7" />,
  suspended: (
    <>
      <rect x="1.5" y="1.5" width="7" height="7" className="mark-hollow" />
      <rect x="3.6" y="3.4" width="1" height="3.2" />
      <rect x="5.6" y="3.4" width="1" height="3.2" />
    </>
  ),
  dying: <path d="M5 1 L9 9 L1 9 Z" className="mark-hollow" />,
  // The shape of a disk.
  saved: (
    <>
      <path d="M1.5 1.5 H7 L8.5 3 V8.5 H1.5 Z" className="mark-hollow" />
      <rect x="3" y="5.2" width="4" height="3.3" />
    </>
  ),
  // The outline is for a domain that can be started, or of which copies are made.
  halted: <circle cx="5" cy="5" r="3.2" className="mark-hollow" strokeDasharray="2 1.3" />,
  template: (
    <>
      <rect x="1.2" y="1.2" width="5.4" height="5.4" className="mark-hollow" />
      <path d="M8.8 3.6 V8.8 H3.6" className="mark-hollow" />
    </>
  ),
  ended: <rect x="1.7" y="1.7" width="6.6" height="6.6" className="mark-hollow" />,
};

export function StateMark({ state }: { state: DomainState }) {
  return (
    <svg className={`mark mark-${state}`} viewBox="0 0 10 10" role="img" aria-label={STATE_WORDS[state]}>
      <title>{STATE_WORDS[state]}</title>
      {SHAPES[state]}
    </svg>
  );
}
