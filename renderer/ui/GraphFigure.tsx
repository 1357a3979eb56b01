import type { ReactNode, RefObject } from "react";
import type uPlot from "uplot";
import { Term } from "../glossary/Term.tsx";
import type { TermId } from "../glossary/terms.ts";
import { GraphExport } from "./GraphExport.tsx";

/** A graph with its caption: title, the figures (`children`) and what saves it. */
export function GraphFigure({
  title,
  term,
  time,
  nothing,
  points,
  height,
  host,
  tip,
  plot,
  columns,
  children,
}: {
  title: string;
  /** The word of Xen's that the title is, if it is one. */
  term: TermId | undefined;
  /** How long it goes back. */
  time: string;
  /** What is said where there are no `points`. */
  nothing: string;
  points: number;
  height: number;
  /** What the plot is drawn into, and the line below it. */
  host: RefObject<HTMLDivElement | null>;
  tip: RefObject<HTMLDivElement | null>;
  /** As it is to be saved; null: it was not drawn yet. */
  plot: () => uPlot | null;
  /** A heading for each series. */
  columns: readonly string[];
  children: ReactNode;
}) {
  return (
    <figure className="graph" data-points={points}>
      <figcaption>
        <span className="graph-title">{term ? <Term of={term}>{title}</Term> : title}</span>
        <span className="graph-values">{children}</span>
        <GraphExport title={title} plot={plot} columns={columns} timeOf={(seconds) => seconds * 1000} />
      </figcaption>
      <div
        ref={host}
        className="graph-plot"
        style={{ minHeight: height }}
        role="img"
        aria-label={`${title}, last ${time}`}
      ></div>
      <div ref={tip} className="graph-tip" />
      {points === 0 && <p className="graph-empty">{nothing}</p>}
    </figure>
  );
}
