import { dateText } from "../ui/clock.ts";
import type { SavedDomain } from "../../core/api/schema.ts";

/** What is kept of a domain until it is restored. */
export function SavedFacts({ saved }: { saved: SavedDomain }) {
  return (
    <section className="card">
      <h2>Saved</h2>
      <dl className="facts">
        <dt>Since</dt>
        <dd>{dateText(saved.savedAt)}</dd>
        <dt>Memory</dt>
        <dd>{Math.round(saved.memoryMiB)} MiB</dd>
        <dt>On disk</dt>
        <dd>{(saved.bytes / 2 ** 20).toFixed(1)} MiB</dd>
        <dt>UUID</dt>
        <dd className="mono">{saved.uuid}</dd>
      </dl>
    </section>
  );
}
