import { useEffect, useState } from "react";
import { useLayout } from "../state/layout.ts";
import { SERIAL, type ConsoleSize, type DomainTerminal } from "./terminal.ts";
import { say } from "../state/messages.ts";

/** The choices of at most this many domains are kept. */
const MOST_KEPT = 200;
const WHY =
  "A PV console carries bytes alone: a guest never learns the size of its terminal, and takes it for 80 columns of 24 lines";

interface Props {
  console: DomainTerminal;
  name: string;
  /** Whether a guest runs that can be told the size. */
  isRunning: boolean;
}

/** Chooses how large a domain's terminal is, which is remembered by the domain's name, and offers to tell the guest. */
export function SizeChoice({ console, name, isRunning }: Props) {
  const size: ConsoleSize = useLayout(({ serialConsoles }) => serialConsoles.includes(name)) ? "serial" : "fit";
  const [{ cols, rows }, setShown] = useState({ cols: console.terminal.cols, rows: console.terminal.rows });
  useEffect(() => {
    console.onSize = setShown;
    console.setSize(size);
    return () => {
      console.onSize = () => {};
    };
  }, [console, size]);
  const choose = (next: ConsoleSize): void =>
    useLayout.setState(({ serialConsoles }) => {
      const others = serialConsoles.filter((each) => each !== name);
      return { serialConsoles: next === "serial" ? [...others.slice(1 - MOST_KEPT), name] : others };
    });
  const tell = (): void => {
    console.typeText(`stty rows ${rows} cols ${cols}\n`);
    console.terminal.focus();
    say(
      "info",
      `Typed “stty rows ${rows} cols ${cols}” for the guest: it works at a shell’s prompt, once for each login.`,
    );
  };
  const differs = isRunning && (cols !== SERIAL.cols || rows !== SERIAL.rows);
  return (
    <span className="console-size">
      <label title={WHY}>
        Size{" "}
        <select value={size} onChange={({ target }) => choose(target.value as ConsoleSize)}>
          <option value="fit">Fit the window</option>
          <option value="serial">80 × 24, scaled</option>
        </select>
      </label>
      <span className="muted" role="status" title={WHY}>
        {cols} × {rows}
        {differs && "; the guest assumes 80 × 24"}
      </span>
      {differs && (
        <button type="button" title={`Types “stty rows ${rows} cols ${cols}” at its prompt`} onClick={tell}>
          Tell the guest
        </button>
      )}
    </span>
  );
}
