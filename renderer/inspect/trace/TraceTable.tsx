import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useRef, type KeyboardEvent } from "react";
import type { TermId } from "../../glossary/terms.ts";
import { rowAfterKey } from "./table-keys.ts";
import { durationText, gapText, isGap, resultText, timeText, type TraceRow, type TraceWords } from "./trace.ts";
import { Term, termProps } from "../../glossary/Term.tsx";

const ROW_PIXELS = 24;
const COLUMNS: readonly (readonly [title: string, term?: TermId])[] = [
  ["Time, s"],
  ["vCPU", "vcpu"],
  ["Hypercall", "hypercall"],
  ["Arguments"],
  ["Result"],
  ["Took"],
];

/** The newest row is at the bottom and is followed while the bottom is in sight. Only visible rows are in the document. */
export function TraceTable({
  rows,
  words,
  selected,
  onSelect,
}: {
  rows: readonly TraceRow[];
  words: TraceWords;
  selected: TraceRow | null;
  onSelect: (row: TraceRow | null) => void;
}) {
  const box = useRef<HTMLDivElement>(null);
  const following = useRef(true);
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => box.current,
    estimateSize: () => ROW_PIXELS,
    overscan: 10,
  });
  const items = virtual.getVirtualItems();
  const index = selected ? rows.lastIndexOf(selected) : -1;
  const last = rows.at(-1);
  useEffect(() => {
    if (following.current && rows.length > 0) virtual.scrollToIndex(rows.length - 1, { align: "end" });
  }, [last, rows.length]);
  useEffect(() => {
    if (index < 0) return;
    following.current = false;
    virtual.scrollToIndex(index);
  }, [selected]);

  const onKey = (event: KeyboardEvent): void => {
    const to = rowAfterKey(event.key, index < 0 ? rows.length : index, rows.length);
    if (to === null && event.key !== "Escape") return;
    event.preventDefault();
    if (to === null) onSelect(null);
    else if (rows[to]) onSelect(rows[to]);
    if (event.key === "End" || event.key === "Escape") following.current = true;
  };

  return (
    <div className="trace-table" role="grid" aria-label="Hypercalls" aria-rowcount={rows.length + 1} aria-colcount={6}>
      <TraceHead />
      <div
        ref={box}
        className="trace-rows"
        role="rowgroup"
        tabIndex={0}
        aria-label="Recorded hypercalls"
        onKeyDown={onKey}
        onScroll={({ currentTarget: { scrollTop, scrollHeight, clientHeight } }) => {
          following.current = scrollTop + clientHeight >= scrollHeight - ROW_PIXELS;
        }}
      >
        <div role="presentation" className="trace-sized" style={{ height: virtual.getTotalSize() }}>
          {items.map(({ index: at, start }) => {
            const row = rows[at]!;
            return (
              <TraceLine
                key={at}
                row={row}
                words={words}
                at={at}
                top={start}
                isSelected={row === selected}
                onSelect={onSelect}
              />
            );
          })}
        </div>
      </div>
    </div>
  );
}

function TraceHead() {
  return (
    <div role="rowgroup">
      <div role="row" className="trace-head" aria-rowindex={1}>
        {COLUMNS.map(([title, term]) => (
          <span role="columnheader" key={title}>
            {term ? <Term of={term}>{title}</Term> : title}
          </span>
        ))}
      </div>
    </div>
  );
}

function TraceLine({
  row,
  words,
  at,
  top,
  isSelected,
  onSelect,
}: {
  row: TraceRow;
  words: TraceWords;
  at: number;
  top: number;
  isSelected: boolean;
  onSelect: (row: TraceRow) => void;
}) {
  return (
    <div
      role="row"
      aria-rowindex={at + 2}
      aria-selected={isSelected}
      className={`trace-row${isSelected ? " selected" : ""}${isGap(row) ? " gap" : row.failed ? " failed" : ""}`}
      style={{ transform: `translateY(${top}px)` }}
      onClick={() => onSelect(row)}
    >
      <Cells row={row} words={words} />
    </div>
  );
}

function Cells({ row, words }: { row: TraceRow; words: TraceWords }) {
  if (isGap(row))
    return (
      <span role="gridcell" aria-colspan={6} className="trace-gap">
        {gapText(row, words)}
      </span>
    );
  return (
    <>
      <span role="gridcell">{timeText(row.time)}</span>
      <span role="gridcell">{row.vcpu}</span>
      <span role="gridcell" className={row.member ? "trace-member" : ""} {...(row.member && termProps("multicall"))}>
        {row.name}
        {row.operation && <b> {row.operation}</b>}
      </span>
      <span
        role="gridcell"
        // Of an access nothing is returned, and its time is not taken.
        {...(row.access && { "aria-colspan": 3 })}
        className={row.access ? "trace-arguments trace-access" : "trace-arguments"}
        title={row.parameters.map((each) => each.join(" = ")).join("\n")}
      >
        {row.parameters.map(([name, value]) => (
          <span key={name}>
            <i>{name}</i>={value}{" "}
          </span>
        ))}
      </span>
      {!row.access && (
        <>
          <span role="gridcell" className="trace-result">
            {resultText(row)}
          </span>
          <span role="gridcell">{durationText(row.duration)}</span>
        </>
      )}
    </>
  );
}
