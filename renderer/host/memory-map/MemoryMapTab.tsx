import { Maximize, ZoomIn, ZoomOut } from "lucide-react";
import { useEffect, useMemo, useRef, useState } from "react";
import { useHostRuns } from "../../state/live.ts";
import { useRepeated } from "../../state/repeated.ts";
import { useApp } from "../../state/store.ts";
import { onTheme } from "../../ui/theme.ts";
import { colorsOf, type ColorBy } from "./colors.ts";
import { FrameFacts } from "./FrameFacts.tsx";
import { DOMID_XEN, indicesOf, sizeText } from "./frames.ts";
import { isWanted, Legend, type Wanted } from "./Legend.tsx";
import { ZOOM_STEP } from "./keys.ts";
import { MapCanvas } from "./MapCanvas.tsx";
import { WHOLE, type Viewport } from "./viewport.ts";
import "../../styles/memory-map.css";

const REFRESH_MS = 1000;

/** Shows every machine frame of the host: whose it is and what it is for. */
export function MemoryMapTab() {
  const running = useHostRuns();
  const map = useRepeated("frameMap", {}, REFRESH_MS);
  const domains = useApp((state) => state.domains);
  const [by, setBy] = useState<ColorBy>("owner");
  const [view, setView] = useState<Viewport>(WHOLE);
  const [chosen, setChosen] = useState<number | null>(null);
  const [hovered, setHovered] = useState<number | null>(null);
  const [wanted, setWanted] = useState<Wanted | null>(null);
  const [theme, setTheme] = useState(0);
  const indices = useRef<Uint8Array | null>(null);
  const version = useRef(0);
  const decoded = useMemo(() => {
    if (!map) return null;
    version.current++;
    return (indices.current = indicesOf(map, indices.current));
  }, [map]);
  useEffect(() => {
    const again = (): void => setTheme((count) => count + 1);
    const scheme = matchMedia("(prefers-color-scheme: dark)");
    scheme.addEventListener("change", again);
    const ended = onTheme(again);
    return () => {
      ended();
      scheme.removeEventListener("change", again);
    };
  }, []);
  const plain = useMemo(() => colorsOf(map?.palette ?? [], by, null), [map, by, theme]);
  const colors = useMemo(
    () => (wanted ? colorsOf(map?.palette ?? [], by, (entry) => isWanted(wanted, entry)) : plain),
    [map, by, theme, wanted, plain],
  );
  const nameOf = (domid: number): string | undefined => domains.find((each) => each.domid === domid)?.name;

  if (!running) return <p className="page-empty">The host does not run: it has no frames.</p>;
  if (!map || !decoded) return <p className="page-empty">Reading the frame table…</p>;
  const free = map.palette.find(({ kind }) => kind === "free")?.frames ?? 0;
  const xen = map.palette.reduce((sum, { domid, frames }) => sum + (domid === DOMID_XEN ? frames : 0), 0);
  const looked = hovered ?? chosen;
  const kind = looked === null ? null : (map.palette[decoded[looked] ?? -1]?.kind ?? null);
  const zoom = (factor: number): void => {
    const element = document.querySelector<HTMLElement>(".frame-map");
    if (!element) return;
    const [x, y] = [element.clientWidth / 2, element.clientHeight / 2];
    setView(({ zoom: was, left, top }) => ({
      zoom: was * factor,
      left: x - (x - left) * factor,
      top: y - (y - top) * factor,
    }));
  };
  return (
    <div className="memory-map">
      <div className="memory-map-tools" role="toolbar" aria-label="Memory map">
        <span className="muted">
          {map.frames.toLocaleString("en")} frames of 4 KiB; {sizeText(free)} free, {sizeText(xen)} Xen’s
        </span>
        <span className="spacer" />
        <GoTo frames={map.frames} onGo={setChosen} />
        <div className="segmented" role="group" aria-label="Colour by">
          {(["owner", "type"] as const).map((each) => (
            <button key={each} type="button" aria-pressed={by === each} onClick={() => setBy(each)}>
              {each === "owner" ? "Owner" : "Type"}
            </button>
          ))}
        </div>
        <button
          type="button"
          className="icon-button"
          aria-label="Zoom out"
          title="Zoom out (-)"
          onClick={() => zoom(1 / ZOOM_STEP)}
        >
          <ZoomOut size={16} />
        </button>
        <button
          type="button"
          className="icon-button"
          aria-label="Zoom in"
          title="Zoom in (+)"
          onClick={() => zoom(ZOOM_STEP)}
        >
          <ZoomIn size={16} />
        </button>
        <button
          type="button"
          className="icon-button"
          aria-label="Show all frames"
          title="Show all frames (0)"
          onClick={() => setView(WHOLE)}
        >
          <Maximize size={16} />
        </button>
      </div>
      <div className="memory-map-body">
        <MapCanvas
          indices={decoded}
          version={version.current}
          colors={colors}
          view={view}
          onView={setView}
          chosen={chosen}
          onChoose={setChosen}
          onHover={setHovered}
          describedBy="memory-map-help"
        />
        <div className="memory-map-side">
          <FrameFacts mfn={looked} kind={kind} version={version.current} nameOf={nameOf} />
          <Legend palette={map.palette} colors={plain} wanted={wanted} onWant={setWanted} nameOf={nameOf} />
        </div>
      </div>
      <p id="memory-map-help" className="muted memory-map-help">
        In order of machine frame number, row by row. Wheel, + and - zoom, dragging moves, arrow keys go from frame to
        frame, 0 shows all.
      </p>
    </div>
  );
}

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
