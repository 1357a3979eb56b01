import { useFigure } from "../state/figure.ts";
import { history } from "../state/session.ts";
import { formatValue } from "../ui/units.ts";

/**
 * The CPU use of several domains together in the last second, as text. It is in percent of what their vCPUs can have, as in the graphs, so that 100 %
 * is all of it however many vCPUs there are.
 */
export function CpuFigure({ domids }: { domids: readonly number[] }) {
  const text = useFigure(() => {
    let used = 0;
    let vcpus = 0;
    for (const domid of domids) {
      const figures = history.domains.get(domid);
      const own = Math.max(1, figures?.vcpus.length ?? 1);
      used += (figures?.cpu.last ?? NaN) * own;
      vcpus += own;
    }
    return formatValue(used / vcpus, "%");
  });
  return <span title="Of what its vCPUs can have, in the last second">{text}</span>;
}
