import { Maximize, ZoomIn, ZoomOut } from "lucide-react";
import { useState } from "react";
import { Tool } from "../../ui/Tool.tsx";
import type { ColorBy } from "./colors.ts";

const COLOR_WORDS = [
  ["owner", "Owner"],
  ["type", "Type"],
] as const satisfies readonly (readonly [ColorBy, string])[];

/** What can be done with the map. `summary`: what it shows. */
export function MapTools({
  summary,
  frames,
  by,
  onBy,
  onGo,
  onCloser,
  onFarther,
  onWhole,
}: {
  summary: string;
  frames: number;
  by: ColorBy;
  onBy: (by: ColorBy) => void;
  onGo: (mfn: number) => void;
  onCloser: () => void;
  onFarther: () => void;
  onWhole: () => void;
}) {
  return (
    <div className="memory-map-tools" role="toolbar" aria-label="Memory map">
      <span className="muted">{summary}</span>
      <span className="spacer" />
      <GoTo frames={frames} onGo={onGo} />
      <div className="segmented" role="group" aria-label="Colour by">
        {COLOR_WORDS.map(([each, word]) => (
          <button key={each} type="button" aria-pressed={by === each} onClick={() => onBy(each)}>
            {word}
          </button>
        ))}
      </div>
      <Tool label="Zoom out" hint="Zoom out (-)" onClick={onFarther}>
        <ZoomOut size={16} />
      </Tool>
      <Tool label="Zoom in" hint="Zoom in (+)" onClick={onCloser}>
        <ZoomIn size={16} />
      </Tool>
      <Tool label="Show all frames" hint="Show all frames (0)" onClick={onWhole}>
        <Maximize size={16} />
      </Tool>
    </div>
  );
}

/** Takes a machine frame number, as decimal or hexadecimal digits. */
function GoTo({ frames, onGo }: { frames: number; onGo: (mfn: number) => void }) {
  const [text, setText] = useState("");
  const value = /^(0x[\da-f]{1,8}|\d{1,8})$/i.test(text.trim()) ? Number(text.trim()) : NaN;
  const wrong = text.trim() !== "" && !(value < frames);
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        if (value < frames) onGo(value);
      }}
    >
      <input
        className="mono frame-goto"
        placeholder="MFN, as 0x1a2b"
        aria-label="Go to machine frame number"
        aria-invalid={wrong}
        title={wrong ? `0 to 0x${(frames - 1).toString(16)}` : "Go to a frame"}
        value={text}
        onChange={({ target }) => setText(target.value)}
      />
    </form>
  );
}
