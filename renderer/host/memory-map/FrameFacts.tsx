import { useEffect, useState } from "react";
import type { FrameFacts as Facts, FrameKind } from "../../../core/api/schema.ts";
import { request, sentence } from "../../state/session.ts";
import { KINDS, ownerName } from "./frames.ts";
import { Term } from "../../glossary/Term.tsx";

const hex = (value: number): string => `0x${value.toString(16)}`;

/** Shows what the hypervisor knows of one frame. It is read again with each `version` of the map. `kind` is what the map shows the frame as. */
export function FrameFacts({
  mfn,
  kind,
  version,
  nameOf,
}: {
  mfn: number | null;
  kind: FrameKind | null;
  version: number;
  nameOf: (domid: number) => string | undefined;
}) {
  const [frame, setFrame] = useState<Facts | null>(null);
  const [error, setError] = useState("");
  useEffect(() => {
    if (mfn === null) return;
    let current = true;
    request("inspectFrame", { mfn }).then(
      (answer) => {
        if (!current) return;
        setFrame(answer);
        setError("");
      },
      (reason: unknown) => current && setError(sentence(reason)),
    );
    return () => {
      current = false;
    };
  }, [mfn, version]);
  return (
    <section className="card map-frame" aria-label="The frame" aria-live="polite">
      {error ? (
        <p className="muted">{error}</p>
      ) : mfn === null || !frame ? (
        <p className="muted">Point at a frame, or go over the map with the arrow keys, to see what it is.</p>
      ) : (
        <>
          <h2>
            <Term of="mfn">Frame</Term> <span className="mono">{hex(frame.mfn)}</span>
          </h2>
          <dl className="facts">
            <dt>
              <Term of="machine-address">Machine address</Term>
            </dt>
            <dd className="mono">{hex(frame.mfn * 4096)}</dd>
            <dt>
              <Term of="frame-owner">Owner</Term>
            </dt>
            <dd>{frame.domid === null ? frame.owner : ownerName(frame.domid, nameOf)}</dd>
            <dt>What it is</dt>
            <dd>{kind && KINDS[kind].title}</dd>
            <dt>
              <Term of="frame-type">Type</Term>
            </dt>
            <dd className="mono">{frame.type}</dd>
            <dt>
              <Term of="type-count">Type references</Term>
            </dt>
            <dd>{frame.typeReferences}</dd>
            <dt>
              <Term of="references">References</Term>
            </dt>
            <dd>{frame.references}</dd>
            <dt>
              <Term of="pinned">Flags</Term>
            </dt>
            <dd className="mono">{[...frame.flags, ...frame.typeFlags].join(", ") || "none"}</dd>
            <dt>
              <Term of="pfn">Pseudo-physical</Term>
            </dt>
            <dd className="mono">{frame.pfn === null ? "none" : hex(frame.pfn)}</dd>
          </dl>
        </>
      )}
    </section>
  );
}
