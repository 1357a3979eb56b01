import { useEffect, useMemo, useRef, useState } from "react";
import type { FrameMap } from "../../../core/api/schema.ts";
import { useHostRuns } from "../../state/live.ts";
import { useRepeated } from "../../state/repeated.ts";
import { useApp } from "../../state/store.ts";
import { onTheme } from "../../ui/theme.ts";
import { colorsOf, type ColorBy, type Rgb } from "./colors.ts";
import { FrameFacts } from "./FrameFacts.tsx";
import { DOMID_XEN, indicesOf, sizeText } from "./frames.ts";
import { isWanted, Legend, type Wanted } from "./Legend.tsx";
import { ZOOM_STEP } from "./keys.ts";
import { MapCanvas } from "./MapCanvas.tsx";
import { MapTools } from "./MapTools.tsx";
import { scaled, WHOLE, type Viewport } from "./viewport.ts";
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
  const { decoded, version } = useDecoded(map);
  const { plain, colors } = useColors(map, by, wanted);
  const nameOf = (domid: number): string | undefined => domains.find((each) => each.domid === domid)?.name;

  if (!running) return <p className="page-empty">The host does not run: it has no frames.</p>;
  if (!map || !decoded) return <p className="page-empty">Reading the frame table…</p>;
  const free = map.palette.find(({ kind }) => kind === "free")?.frames ?? 0;
  const xen = map.palette.reduce((sum, { domid, frames }) => sum + (domid === DOMID_XEN ? frames : 0), 0);
  const looked = hovered ?? chosen;
  const kind = looked === null ? null : (map.palette[decoded[looked] ?? -1]?.kind ?? null);
  const zoom = (factor: number): void => {
    const element = document.querySelector<HTMLElement>(".frame-map");
    if (element) setView((view) => scaled(view, factor, element.clientWidth / 2, element.clientHeight / 2));
  };
  return (
    <div className="memory-map">
      <MapTools
        summary={`${map.frames.toLocaleString("en")} frames of 4 KiB; ${sizeText(free)} free, ${sizeText(xen)} Xen’s`}
        frames={map.frames}
        by={by}
        onBy={setBy}
        onGo={setChosen}
        onCloser={() => zoom(ZOOM_STEP)}
        onFarther={() => zoom(1 / ZOOM_STEP)}
        onWhole={() => setView(WHOLE)}
      />
      <div className="memory-map-body">
        <MapCanvas
          indices={decoded}
          version={version}
          colors={colors}
          view={view}
          onView={setView}
          chosen={chosen}
          onChoose={setChosen}
          onHover={setHovered}
          describedBy="memory-map-help"
        />
        <div className="memory-map-side">
          <FrameFacts mfn={looked} kind={kind} version={version} nameOf={nameOf} />
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

/** The map's frames as places in its palette. `version` changes when they do: the array is the same. */
function useDecoded(map: FrameMap | undefined): { decoded: Uint8Array | null; version: number } {
  const indices = useRef<Uint8Array | null>(null);
  const version = useRef(0);
  const decoded = useMemo(() => {
    if (!map) return null;
    version.current++;
    return (indices.current = indicesOf(map, indices.current));
  }, [map]);
  return { decoded, version: version.current };
}

/** The palette's colours as the appearance has them; `colors`: those of what is not wanted are pale. */
function useColors(
  map: FrameMap | undefined,
  by: ColorBy,
  wanted: Wanted | null,
): { plain: readonly Rgb[]; colors: readonly Rgb[] } {
  const [theme, setTheme] = useState(0);
  useEffect(() => onTheme(() => setTheme((count) => count + 1)), []);
  const plain = useMemo(() => colorsOf(map?.palette ?? [], by, null), [map, by, theme]);
  const colors = useMemo(
    () => (wanted ? colorsOf(map?.palette ?? [], by, (entry) => isWanted(wanted, entry)) : plain),
    [map, by, theme, wanted, plain],
  );
  return { plain, colors };
}
