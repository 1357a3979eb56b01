import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useLayoutEffect, useRef, type ReactNode, type UIEvent } from "react";
import { describe, levelOf } from "./levels.ts";
import { timeText, type ShownLine } from "../../state/xen-log.ts";
import { placesIn, type Hit } from "./search.ts";

const ROW_PIXELS = 18;
/** A position this near to the end counts as the end. */
const NEAR_PIXELS = 4;

/** Shows the lines, of which only the visible ones are rendered. Scrolling to the end turns following on, and scrolling away turns it off. */
export function LogLines({
  lines,
  times,
  following,
  onFollowing,
  search,
  hit,
}: {
  lines: readonly ShownLine[];
  times: boolean;
  following: boolean;
  onFollowing: (following: boolean) => void;
  search: string;
  hit: Hit | null;
}) {
  const box = useRef<HTMLDivElement>(null);
  /** The last scroll position, and the line at the top: its number, and its place in the list. */
  const last = useRef({ top: 0, number: 0, index: 0 });
  const virtual = useVirtualizer({
    count: lines.length,
    getScrollElement: () => box.current,
    estimateSize: () => ROW_PIXELS,
    overscan: 12,
  });
  // When following, stays at the end as the log grows. Otherwise, what was read stays where it was when lines before it go. A position that the user has
  // just changed is not touched: its event is still to come.
  useLayoutEffect(() => {
    const element = box.current!;
    const index = Math.max(
      0,
      lines.findIndex(({ number }) => number >= last.current.number),
    );
    const moved = index - last.current.index;
    last.current.index = index;
    if (following) element.scrollTop = element.scrollHeight;
    else if (lines.length && moved) element.scrollTop += moved * ROW_PIXELS;
    else return;
    last.current.top = element.scrollTop;
  }, [lines, following]);
  const at = hit ? lines.findIndex(({ number }) => number === hit.number) : -1;
  const target = useRef(at);
  target.current = at;
  useEffect(() => {
    if (target.current >= 0) virtual.scrollToIndex(target.current, { align: "center" });
    // The position in the list changes as lines go, but the lines that are looked at stay the same.
  }, [hit?.number, hit?.at, virtual]);
  const onScroll = ({ currentTarget }: UIEvent<HTMLDivElement>): void => {
    const { scrollTop, scrollHeight, clientHeight } = currentTarget;
    const before = last.current.top;
    const index = Math.floor(scrollTop / ROW_PIXELS);
    last.current = { top: scrollTop, number: lines[index]?.number ?? 0, index };
    if (scrollTop === before) return;
    if (scrollTop + clientHeight >= scrollHeight - NEAR_PIXELS) onFollowing(true);
    else if (scrollTop < before) onFollowing(false);
  };
  return (
    <div
      ref={box}
      className={times ? "log log-lines with-times" : "log log-lines"}
      role="log"
      aria-live="off"
      aria-label="Xen log"
      tabIndex={0}
      onScroll={onScroll}
    >
      <div className="log-sized" style={{ height: virtual.getTotalSize() }}>
        {virtual.getVirtualItems().map(({ index, start }) => {
          const shown = lines[index]!;
          return (
            <LogLine
              key={shown.number}
              shown={shown}
              top={start}
              times={times}
              search={search}
              current={hit?.number === shown.number ? hit.at : -1}
            />
          );
        })}
      </div>
    </div>
  );
}

/** `current`: where in it the match is that is looked at; -1: not in this line. */
function LogLine({
  shown: { line },
  top,
  times,
  search,
  current,
}: {
  shown: ShownLine;
  top: number;
  times: boolean;
  search: string;
  current: number;
}) {
  const { id, icon: Icon } = levelOf(line);
  return (
    <div
      className={`log-line level-${id} from-${line.origin}`}
      title={describe(line)}
      style={{ transform: `translateY(${top}px)` }}
    >
      <Icon size={12} aria-hidden />
      <span className="visually-hidden">{describe(line)}: </span>
      {times && <span className="log-time">{timeText(line)}</span>}
      <span className="log-text">
        {marked(line.text, search, current)}
        {"\n"}
      </span>
    </div>
  );
}

function marked(text: string, search: string, current: number): ReactNode {
  if (!search) return text;
  const parts: ReactNode[] = [];
  let done = 0;
  for (const at of placesIn(text, search.toLowerCase())) {
    const end = at + search.length;
    parts.push(
      text.slice(done, at),
      <mark key={at} className={at === current ? "current" : undefined} aria-current={at === current || undefined}>
        {text.slice(at, end)}
      </mark>,
    );
    done = end;
  }
  parts.push(text.slice(done));
  return parts;
}
