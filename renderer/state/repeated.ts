/** An answer of the host that is asked for again a while after the last one came, while the view is shown. */
import { useEffect, useRef, useState } from "react";
import type { Arguments, RequestName, Results } from "../../core/api/schema.ts";
import { useLive } from "./live.ts";
import { request } from "./session.ts";

/** null until there is one; it stays when the host goes. */
export function useRepeated<N extends RequestName>(
  name: N,
  args: Arguments<N>,
  milliseconds: number,
): Results[N] | null {
  const live = useLive();
  const [answer, setAnswer] = useState<Results[N] | null>(null);
  const given = useRef(args);
  given.current = args;
  const key = JSON.stringify(args);
  useEffect(() => {
    if (!live) return;
    let current = true;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const ask = async (): Promise<void> => {
      const next = await request(name, given.current).catch(() => null);
      if (!current) return;
      if (next !== null) setAnswer(next);
      timer = setTimeout(() => void ask(), milliseconds);
    };
    void ask();
    return () => {
      current = false;
      clearTimeout(timer);
    };
  }, [name, key, live, milliseconds]);
  return answer;
}
