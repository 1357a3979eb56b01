import { useLayout } from "../state/layout.ts";

/** The graphs that are looked at less often, folded away below the large ones. They draw nothing while they are out of sight. */
export function MoreGraphs({ children }: { children: React.ReactNode }) {
  const open = useLayout((state) => state.moreGraphs);
  return (
    <details
      className="more-graphs"
      open={open}
      onToggle={({ currentTarget }) => useLayout.setState({ moreGraphs: currentTarget.open })}
    >
      <summary>Exits, hypercalls, events, page faults, instructions, and the time of each vCPU</summary>
      <div className="more-graphs-content">{children}</div>
    </details>
  );
}
