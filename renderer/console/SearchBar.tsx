import { CaseSensitive, ChevronDown, ChevronUp, Regex, X } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { Tool } from "../ui/Tool.tsx";
import type { DomainTerminal, Found, SearchFor } from "./terminal.ts";

/** Searches in what a console has shown. All matches are marked, and the search begins at the latest one. */
export function SearchBar({ console, onClose }: { console: DomainTerminal; onClose: () => void }) {
  const input = useRef<HTMLInputElement>(null);
  const [what, setWhat] = useState<SearchFor>({ text: "", caseSensitive: false, regex: false });
  const [found, setFound] = useState<Found>({ index: -1, count: 0 });
  useEffect(() => {
    console.onFound = setFound;
    input.current?.focus();
    return () => {
      console.onFound = () => {};
      console.endSearch();
    };
  }, [console]);
  useEffect(() => console.find(what, "here"), [console, what]);
  const toggle = (key: "caseSensitive" | "regex"): void => setWhat((before) => ({ ...before, [key]: !before[key] }));
  return (
    <div className="console-search" role="search">
      <input
        ref={input}
        aria-label="Search the console"
        placeholder="Search"
        value={what.text}
        onChange={({ target }) => setWhat((before) => ({ ...before, text: target.value }))}
        onKeyDown={(event) => {
          if (event.key === "Enter") console.find(what, event.shiftKey ? "next" : "previous");
          else if (event.key === "Escape") onClose();
          else return;
          event.preventDefault();
        }}
      />
      <span className="console-found" role="status">
        {what.text === "" ? "" : found.count === 0 ? "none" : `${found.index + 1} of ${found.count}`}
      </span>
      <Tool label="Match case" pressed={what.caseSensitive} onClick={() => toggle("caseSensitive")}>
        <CaseSensitive size={16} />
      </Tool>
      <Tool label="Regular expression" pressed={what.regex} onClick={() => toggle("regex")}>
        <Regex size={14} />
      </Tool>
      <Tool label="Previous match" onClick={() => console.find(what, "previous")}>
        <ChevronUp size={15} />
      </Tool>
      <Tool label="Next match" onClick={() => console.find(what, "next")}>
        <ChevronDown size={15} />
      </Tool>
      <Tool label="Close the search" onClick={onClose}>
        <X size={14} />
      </Tool>
    </div>
  );
}
