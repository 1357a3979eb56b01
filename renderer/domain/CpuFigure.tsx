import { useFigure } from "../state/figure.ts";
import { history } from "../state/session.ts";
import { formatValue } from "../ui/Graph.tsx";

/** CPU of domains together in the last second, as text: in percent of one pCPU. */
export function CpuFigure({ domids }: { domids: readonly number[] }) {
  const text = useFigure(() =>
    formatValue(
      domids.reduce((sum, domid) => sum + (history.domains.get(domid)?.cpu.last ?? NaN), 0),
      "%",
    ),
  );
  return <>{text}</>;
}
