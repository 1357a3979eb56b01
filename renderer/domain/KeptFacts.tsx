import { Copy, FileCog } from "lucide-react";
import type { KeptDomain } from "../../core/api/schema.ts";
import { Term } from "../glossary/Term.tsx";
import { askLibrary } from "../library/asked.ts";
import { act } from "../state/session.ts";
import { dateText } from "../ui/clock.ts";

/** Shows what the host keeps of a domain, whether it runs or not. */
export function KeptFacts({ kept }: { kept: KeptDomain }) {
  const { uuid, saved, memoryMiB, vcpus, createdAt, lastRunAt, files } = kept;
  return (
    <section className="card">
      <h2>In the library</h2>
      <dl className="facts">
        <dt>Created</dt>
        <dd>{dateText(createdAt)}</dd>
        <dt>Last start</dt>
        <dd>{lastRunAt === null ? "Never" : dateText(lastRunAt)}</dd>
        {memoryMiB !== null && (
          <>
            <dt>Memory</dt>
            <dd>{memoryMiB} MiB</dd>
          </>
        )}
        {vcpus !== null && (
          <>
            <dt>
              <Term of="vcpu">vCPUs</Term>
            </dt>
            <dd>{vcpus}</dd>
          </>
        )}
        {memoryMiB === null && (
          <>
            <dt>Configuration</dt>
            <dd>It is not understood: starting it says why.</dd>
          </>
        )}
        {files.length > 0 && (
          <>
            <dt>Files</dt>
            <dd className="mono">{files.join(", ")}</dd>
          </>
        )}
        {saved && (
          <>
            <dt>Saved</dt>
            <dd>
              {dateText(saved.savedAt)}: {Math.round(saved.memoryMiB)} MiB of memory,{" "}
              {(saved.bytes / 2 ** 20).toFixed(1)} MiB on disk
            </dd>
          </>
        )}
        <dt>
          <Term of="uuid">UUID</Term>
        </dt>
        <dd className="mono">{uuid}</dd>
      </dl>
      <KeptSettings kept={kept} />
    </section>
  );
}

/** What is set of it, and what can be made of it. */
function KeptSettings({ kept: { uuid, saved, state, autostart, template } }: { kept: KeptDomain }) {
  return (
    <div className="form kept-settings">
      {!template && (
        <label className="check">
          <input
            type="checkbox"
            checked={autostart}
            onChange={({ target }) => void act("keptSettings", { uuid, autostart: target.checked })}
          />
          Start it with the host
        </label>
      )}
      {state === "halted" && (
        <label className="check">
          <input
            type="checkbox"
            checked={template}
            onChange={({ target }) => void act("keptSettings", { uuid, template: target.checked })}
          />
          It is a template: cloned, not started
        </label>
      )}
      {!saved && (
        <div className="button-row">
          <button type="button" onClick={() => askLibrary({ what: "edit", uuid })}>
            <FileCog size={15} aria-hidden /> Edit configuration…
          </button>
          <button type="button" onClick={() => askLibrary({ what: "clone", uuid })}>
            <Copy size={15} aria-hidden /> Clone…
          </button>
        </div>
      )}
    </div>
  );
}
