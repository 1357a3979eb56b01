import type { FrameKind } from "../../../core/api/schema.ts";
import type { TermId } from "../../glossary/terms.ts";
import { cssColor, type Rgb } from "./colors.ts";
import { KINDS, ownerName, sizeText, totalsOf, type PaletteEntry } from "./frames.ts";
import { termProps } from "../../glossary/Term.tsx";

/** Xen's words for these kinds of frames. */
const KIND_TERMS: Partial<Record<FrameKind, TermId>> = {
  m2p: "m2p",
  "grant-table": "grant-table",
  granted: "grant-table",
  none: "frame-type",
  l1: "frame-type",
  l2: "frame-type",
  l3: "frame-type",
  l4: "frame-type",
  "seg-desc": "frame-type",
  writable: "frame-type",
};

/** Which frames are searched for: those of an owner, or only those of one kind among them. */
export interface Wanted {
  domid: number;
  kind: string | null;
}
export function isWanted(wanted: Wanted | null, { domid, kind }: PaletteEntry): boolean {
  return !wanted || (wanted.domid === domid && (wanted.kind === null || wanted.kind === kind));
}

/** Shows the colours with measured totals. Pressing a row shows its frames only. */
export function Legend({
  palette,
  colors,
  wanted,
  onWant,
  nameOf,
}: {
  palette: readonly PaletteEntry[];
  /** The colours while nothing is searched for. */
  colors: readonly Rgb[];
  wanted: Wanted | null;
  onWant: (wanted: Wanted | null) => void;
  nameOf: (domid: number) => string | undefined;
}) {
  const colorOf = (domid: number, kind: string): string => {
    const found = colors[palette.findIndex((each) => each.domid === domid && each.kind === kind)];
    return found ? cssColor(found) : "transparent";
  };
  const press = (to: Wanted): void => onWant(wanted?.domid === to.domid && wanted.kind === to.kind ? null : to);
  return (
    <section className="card frame-legend" aria-label="Legend" tabIndex={0}>
      {totalsOf(palette).map(({ domid, frames, kinds }) => (
        <div key={domid}>
          <button
            type="button"
            className="legend-owner"
            aria-pressed={wanted?.domid === domid && wanted.kind === null}
            onClick={() => press({ domid, kind: null })}
          >
            <span className="legend-name">{ownerName(domid, nameOf)}</span>
            <span className="legend-size">{sizeText(frames)}</span>
          </button>
          <ul>
            {kinds.map((each) => (
              <li key={each.kind}>
                <button
                  type="button"
                  className="legend-kind"
                  aria-pressed={wanted?.domid === domid && wanted.kind === each.kind}
                  title={`${each.frames} frames`}
                  {...(KIND_TERMS[each.kind] && termProps(KIND_TERMS[each.kind]!))}
                  data-domid={domid}
                  data-kind={each.kind}
                  data-frames={each.frames}
                  onClick={() => press({ domid, kind: each.kind })}
                >
                  <span className="swatch" style={{ background: colorOf(domid, each.kind) }} />
                  <span className="legend-name">{KINDS[each.kind].title}</span>
                  <span className="legend-size">{sizeText(each.frames)}</span>
                </button>
              </li>
            ))}
          </ul>
        </div>
      ))}
    </section>
  );
}
