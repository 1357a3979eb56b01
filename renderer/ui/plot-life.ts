/** A plot in the page. It is made again when colours change, is as wide as its place, and is removed with it. */
import { useEffect, useState, type RefObject } from "react";
import type uPlot from "uplot";
import { onTheme } from "./theme.ts";

/**
 * `make` draws into the element once it has been in sight (`wanted`), and is called again when the appearance or one of `causes` changes. `plot`
 * holds the present plot.
 */
export function usePlotLife(
  plot: RefObject<uPlot | null>,
  host: RefObject<HTMLElement | null>,
  height: number,
  wanted: boolean,
  make: (parent: HTMLElement) => uPlot,
  causes: readonly unknown[],
): void {
  const [made, setMade] = useState(false);
  if (wanted && !made) setMade(true);
  useEffect(() => {
    if (!made) return;
    const parent = host.current!;
    const again = (): void => {
      plot.current?.destroy();
      plot.current = make(parent);
    };
    again();
    const resize = new ResizeObserver(() => plot.current?.setSize({ width: parent.clientWidth, height }));
    resize.observe(parent);
    const ended = onTheme(again);
    return () => {
      resize.disconnect();
      ended();
      plot.current?.destroy();
      plot.current = null;
    };
  }, [made, height, ...causes]);
}
