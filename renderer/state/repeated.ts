/** An answer of the host that is asked for again some time after the last one arrived, while the view is shown. */
import { dequal } from "dequal";
import { useEffect, useRef, useState } from "react";
import type { Arguments, RequestName, Results } from "../../core/api/schema.ts";
import { useLive } from "./live.ts";
import { request } from "./session.ts";

/**
 * Returns undefined until there is an answer. The answer stays when the host goes, and is the same object while it is equal. Nothing is asked while
 * `milliseconds` is null.
 */
export function useRepeated<N extends RequestName>(
  name: N,
  args: Arguments<N>,
  milliseconds: number | null,
): Results[N] | undefined {
  const live = useLive();
  const key = JSON.stringify(args);
  const [answer, setAnswer] = useState<{ key: string; result: Results[N] } | null>(null);
  const given = useRef(args);
  given.current = args;
  useEffect(() => {
    if (!live || milliseconds === null) return;
    let current = true;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const ask = async (): Promise<void> => {
      try {
        const result = await request(name, given.current);
        if (current)
          setAnswer((before) => (before?.key === key && dequal(before.result, result) ? before : { key, result }));
      } catch {
        // The request was refused. The host's own events say why.
      }
      if (current) timer = setTimeout(() => void ask(), milliseconds);
    };
    void ask();
    return () => {
      current = false;
      clearTimeout(timer);
    };
  }, [name, key, live, milliseconds]);
  return answer?.key === key ? answer.result : undefined;
}
