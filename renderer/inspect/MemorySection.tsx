import { useEffect, useRef, useState, type KeyboardEvent } from "react";
import type { MemoryReport } from "../../core/api/schema.ts";
import { useInspected } from "./inspected.ts";
import { AddressField, Waiting } from "./parts.tsx";
import { showWalk, useInspect } from "./state.ts";
import { useIsPvh } from "./useIsPvh.ts";
import { TablesSelect } from "./WalkSection.tsx";

const ROW_BYTES = 16;
const ROW_PIXELS = 20;
const MOST_ROWS = 128;
const END = 1n << 64n;

const hex64 = (value: bigint): string => `0x${value.toString(16).padStart(16, "0")}`;
const hexByte = (value: number): string => value.toString(16).padStart(2, "0");

/** Shows guest memory as bytes. Only the visible rows are read, because the user may go to any 64-bit address. */
export function MemorySection({ domid }: { domid: number }) {
  const { vcpu, tables, memory } = useInspect();
  const { space, address } = memory;
  const isPvh = useIsPvh(domid);
  const registers = useInspected("inspectRegisters", address === "" ? { domid, vcpu } : null);
  const from =
    address ||
    (space === "virtual" ? (registers.value?.general.find(({ name }) => name === "RSP")?.value ?? "") : hex64(0n));
  const [rows, setRows] = useState(24);
  const start = from === "" ? null : BigInt(from) & ~0xfn;
  const { value, error } = useInspected(
    "inspectMemory",
    start === null ? null : { domid, vcpu, tables, space, address: hex64(start), bytes: rows * ROW_BYTES },
  );
  const problem = error ?? registers.error;
  const go = (to: bigint): void => {
    const most = END - BigInt(rows * ROW_BYTES);
    useInspect.setState({ memory: { space, address: hex64(to < 0n ? 0n : to > most ? most : to) } });
  };
  return (
    <div className="inspect-memory">
      <div className="inspect-ask">
        <AddressField
          domid={domid}
          label="Address"
          value={from}
          onGo={(next) => useInspect.setState({ memory: { space, address: next } })}
        />
        <label className="inspect-vcpu">
          Address space
          <select
            value={space}
            onChange={({ target }) =>
              useInspect.setState({
                memory:
                  target.value === "virtual"
                    ? { space: "virtual", address: "" }
                    : { space: "pseudo-physical", address: hex64(0n) },
              })
            }
          >
            <option value="virtual">virtual</option>
            <option value="pseudo-physical">{isPvh ? "guest-physical" : "pseudo-physical"}</option>
          </select>
        </label>
        {space === "virtual" && <TablesSelect domid={domid} />}
        <span className="spacer" />
        {space === "virtual" && from !== "" && (
          <button type="button" onClick={() => showWalk(from)}>
            Page tables of it
          </button>
        )}
      </div>
      {problem !== null || start === null ? (
        <Waiting error={problem} />
      ) : (
        <Bytes report={value?.space === space ? value : null} start={start} rows={rows} onRows={setRows} onGo={go} />
      )}
    </div>
  );
}

function Bytes({
  report,
  start,
  rows,
  onRows,
  onGo,
}: {
  report: MemoryReport | null;
  start: bigint;
  rows: number;
  onRows: (rows: number) => void;
  onGo: (address: bigint) => void;
}) {
  const box = useRef<HTMLDivElement>(null);
  const before = useBefore(report);
  useEffect(() => {
    const sized = new ResizeObserver(([entry]) =>
      onRows(Math.max(4, Math.min(MOST_ROWS, Math.floor(entry!.contentRect.height / ROW_PIXELS)))),
    );
    sized.observe(box.current!);
    return () => sized.disconnect();
  }, [onRows]);
  const page = BigInt((rows - 1) * ROW_BYTES);
  const row = BigInt(ROW_BYTES);
  const onKey = (event: KeyboardEvent): void => {
    const steps: Record<string, bigint> = {
      ArrowDown: row,
      ArrowUp: -row,
      PageDown: page,
      PageUp: -page,
    };
    const step = steps[event.key];
    if (step === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    onGo(start + step);
    event.preventDefault();
  };
  // A wheel listener added by React cannot keep the page from scrolling.
  const wheel = useRef((_: WheelEvent): void => {});
  wheel.current = (event) => {
    event.preventDefault();
    onGo(start + row * BigInt(Math.sign(event.deltaY) * 3));
  };
  useEffect(() => {
    const element = box.current!;
    const listener = (event: WheelEvent): void => wheel.current(event);
    element.addEventListener("wheel", listener, { passive: false });
    return () => element.removeEventListener("wheel", listener);
  }, []);
  return (
    <div
      ref={box}
      className="memory-box mono"
      tabIndex={0}
      role="group"
      aria-label="Memory: arrow and page keys go through it"
      onKeyDown={onKey}
    >
      {Array.from({ length: rows }, (_, n) => start + BigInt(n * ROW_BYTES))
        .filter((address) => address < END)
        .map((address) => (
          <Row key={address.toString()} address={address} report={report} before={before} />
        ))}
    </div>
  );
}

function Row({
  address,
  report,
  before,
}: {
  address: bigint;
  report: MemoryReport | null;
  before: MemoryReport | null;
}) {
  const bytes = bytesAt(report, address);
  const was = before && bytesAt(before, address);
  return (
    <div className="memory-row">
      <span className="memory-address">{hex64(address).slice(2)}</span>
      {bytes === undefined ? (
        <span className="muted">…</span>
      ) : bytes === null ? (
        <span className="muted">nothing is there</span>
      ) : (
        <>
          <span className="memory-hex">
            {Array.from(bytes, (byte, n) => (
              <span key={n} className={was && was[n] !== byte ? "changed" : byte === 0 ? "zero" : undefined}>
                {hexByte(byte)}
              </span>
            ))}
          </span>
          <span className="memory-text">
            {Array.from(bytes, (byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : "·")).join("")}
          </span>
        </>
      )}
    </div>
  );
}

/** Returns the row's bytes: null where there is no memory, undefined where the report says nothing about it. */
function bytesAt(report: MemoryReport | null, address: bigint): Uint8Array | null | undefined {
  for (const piece of report?.pieces ?? []) {
    const from = Number(address - BigInt(piece.address));
    if (from >= 0 && from < piece.length) return piece.bytes && piece.bytes.subarray(from, from + ROW_BYTES);
  }
  return undefined;
}

/** Returns the previous report, to show what has changed since. */
function useBefore(report: MemoryReport | null): MemoryReport | null {
  const kept = useRef<{ now: MemoryReport | null; before: MemoryReport | null }>({ now: report, before: null });
  if (kept.current.now !== report) kept.current = { now: report, before: kept.current.now };
  return kept.current.before;
}
