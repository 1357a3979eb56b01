import { useLayout } from "../state/layout.ts";
import { GRAPH_RANGES } from "../state/long-history.ts";

/** Chooses how much time all graphs show. */
export function RangeChoice() {
  const range = useLayout((state) => state.graphRange);
  return (
    <div className="segmented" role="group" aria-label="Time shown by graphs">
      {GRAPH_RANGES.map(([id, title]) => (
        <button
          key={id}
          type="button"
          aria-pressed={range === id}
          onClick={() => useLayout.setState({ graphRange: id })}
        >
          {title}
        </button>
      ))}
    </div>
  );
}
