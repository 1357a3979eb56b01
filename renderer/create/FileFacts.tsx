import type { TakenFile } from "./intake.ts";

/** Shows what the kernel's file says about itself. */
export function FileFacts({ file: { description, size } }: { file: TakenFile }) {
  return (
    <div className="file-facts">
      <p>
        <strong>{description.summary}</strong>{" "}
        <span className="muted">
          {size < 2 ** 20 ? `${(size / 1024).toFixed(1)} KiB` : `${(size / 2 ** 20).toFixed(1)} MiB`}
        </span>
      </p>
      {description.version && <p className="mono">{description.version}</p>}
      {description.notes.length > 0 && (
        <details>
          <summary>{description.notes.length} Xen notes</summary>
          <dl className="facts">
            {description.notes.map(({ name, value }, i) => (
              <div key={i} className="fact-row">
                <dt>{name}</dt>
                <dd className="mono">{value}</dd>
              </div>
            ))}
          </dl>
        </details>
      )}
    </div>
  );
}
