import { AArrowDown, AArrowUp, Copy, Download, Eraser, Keyboard, Search, SquareArrowOutUpRight } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { consoles } from "../state/session.ts";
import { useApp } from "../state/store.ts";
import { copyConsole, pasteInto, popOut, saveLog, setFontSize } from "./deeds.ts";
import { Tool } from "../ui/Tool.tsx";
import { SearchBar } from "./SearchBar.tsx";
import { SizeChoice } from "./SizeChoice.tsx";
import { TypeText } from "./TypeText.tsx";

/** Fewer bytes than this, such as a keystroke, wait only for a moment and are not mentioned. */
const TELL_OF_BYTES = 512;

/** Shows the domain's PV console. `alone` means that it has a window of its own. */
export function ConsoleTab({ domid, name, alone = false }: { domid: number; name: string; alone?: boolean }) {
  const host = useRef<HTMLDivElement>(null);
  const console = consoles.of(domid);
  const isRunning = useApp(({ domains }) => domains.some((each) => each.domid === domid));
  const searching = useApp((state) => state.consoleSearch);
  const [typing, setTyping] = useState(false);
  const [waiting, setWaiting] = useState(0);
  const closeSearch = (): void => {
    useApp.setState({ consoleSearch: false });
    console.terminal.focus();
  };
  useEffect(() => console.show(host.current!), [console]);
  useEffect(() => {
    console.onTyping = setWaiting;
    return () => {
      console.onTyping = () => {};
    };
  }, [console]);
  useEffect(() => () => useApp.setState({ consoleSearch: false }), [domid]);
  useEffect(() => {
    const screen = host.current!;
    // This runs before xterm.js sees the paste, because the user is asked about a long one.
    const paste = (event: ClipboardEvent): void => {
      event.preventDefault();
      event.stopPropagation();
      pasteInto(domid, event.clipboardData?.getData("text/plain") ?? "");
    };
    screen.addEventListener("paste", paste, true);
    return () => screen.removeEventListener("paste", paste, true);
  }, [domid]);
  return (
    <div className="console">
      <ConsoleTools
        domid={domid}
        name={name}
        alone={alone}
        waiting={waiting}
        searching={searching}
        onSearch={() => (searching ? closeSearch() : useApp.setState({ consoleSearch: true }))}
        onType={isRunning ? () => setTyping(true) : null}
      />
      {searching && <SearchBar console={console} onClose={closeSearch} />}
      <div ref={host} className="console-screen" role="group" aria-label={`Console of ${name}`} />
      {typing && (
        <TypeText
          domid={domid}
          name={name}
          onClose={() => {
            setTyping(false);
            console.terminal.focus();
          }}
        />
      )}
    </div>
  );
}

/** What can be done with a console. */
function ConsoleTools({
  domid,
  name,
  alone,
  waiting,
  searching,
  onSearch,
  onType,
}: {
  domid: number;
  name: string;
  alone: boolean;
  /** Bytes that wait to be typed. */
  waiting: number;
  searching: boolean;
  onSearch: () => void;
  /** null: the domain does not run, nobody would read what is typed. */
  onType: (() => void) | null;
}) {
  const console = consoles.of(domid);
  return (
    <div className="console-tools" role="toolbar" aria-label="Console">
      {waiting >= TELL_OF_BYTES && (
        <span className="console-typing" role="status">
          Typing, {(waiting / 1024).toFixed(1)} KiB to go
          <button type="button" onClick={() => console.cancelTyping()}>
            Stop
          </button>
        </span>
      )}
      <SizeChoice console={console} name={name} isRunning={onType !== null} />
      <span className="spacer" />
      <Tool label="Search the console" pressed={searching} onClick={onSearch}>
        <Search size={14} />
      </Tool>
      <Tool label="Copy the selection, or everything" onClick={() => copyConsole(domid)}>
        <Copy size={14} />
      </Tool>
      {onType && (
        <Tool label="Type text…" onClick={onType}>
          <Keyboard size={14} />
        </Tool>
      )}
      <Tool label="Smaller text" onClick={() => setFontSize(-1)}>
        <AArrowDown size={15} />
      </Tool>
      <Tool label="Larger text" onClick={() => setFontSize(1)}>
        <AArrowUp size={15} />
      </Tool>
      <Tool label="Save the log to a file" onClick={() => void saveLog(domid)}>
        <Download size={14} />
      </Tool>
      <Tool label="Clear the screen" onClick={() => console.terminal.clear()}>
        <Eraser size={14} />
      </Tool>
      {!alone && (
        <Tool label="Open in a window of its own" onClick={() => popOut(domid)}>
          <SquareArrowOutUpRight size={14} />
        </Tool>
      )}
    </div>
  );
}
