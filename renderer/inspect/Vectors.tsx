import { Fragment } from "react";
import type { VectorsReport } from "../../core/api/schema.ts";
import { Flags } from "./parts.tsx";

/** Shows the vector registers, in words of 64 bits with the highest first, as one reads a number. */
export function Vectors({ vectors: { xcr0, mxcsr, registers } }: { vectors: VectorsReport }) {
  return (
    <section className="card" aria-label="Vector registers">
      <header className="card-header">
        <h2>Vector registers</h2>
      </header>
      {[...(xcr0 ? [xcr0] : []), mxcsr].map(({ name, value, set }) => (
        <div key={name} className="flags-row">
          <span className="flags-name">{name}</span>
          <span className="mono">{value.slice(name === "MXCSR" ? -8 : 2)}</span>
          <Flags flags={set.map((each) => ({ name: each }))} />
        </div>
      ))}
      <dl className="vector-registers">
        {registers.map(({ name, value }) => (
          <Fragment key={name}>
            <dt>{name}</dt>
            <dd className="mono">
              {value
                .slice(2)
                .match(/.{16}/g)!
                .map((word, place) => (
                  <span key={place} className={/^0+$/.test(word) ? "muted" : undefined}>
                    {word}
                  </span>
                ))}
            </dd>
          </Fragment>
        ))}
      </dl>
    </section>
  );
}
