/** An answer about the inside of a domain. It is asked for with each tick of the figures, while it is shown and not held. */
import { useEffect, useRef, useState } from "react";
import type { Arguments, RequestName, Results } from "../../core/api/schema.ts";
import { useLive } from "../state/live.ts";
import { request, sentence } from "../state/session.ts";
import { useApp } from "../state/store.ts";
import { useInspect } from "./state.ts";

/**
 * `value` is the last answer. Until the present arguments are answered it may belong to other ones. `error` says why there is no answer. If `args` is
 * null, nothing is asked.
 */
export function useInspected<N extends RequestName>(
  name: N,
  args: Arguments<N> | null,
): { value: Results[N] | null; error: string | null } {
  const live = useLive();
  const held = useInspect((state) => state.held);
  const tick = useApp((state) => (held ? 0 : state.tick));
  const [answer, setAnswer] = useState<{ value: Results[N] | null; error: string | null }>({
    value: null,
    error: null,
  });
  const key = args && JSON.stringify(args);
  /** The key of the question that is under way. */
  const asked = useRef<string | null>(null);
  const answered = useRef<string | null>(null);
  useEffect(() => {
    if (!live || key === null || asked.current === key) return;
    if (held && answered.current === key) return;
    asked.current = key;
    const take = (next: typeof answer): void => {
      // Another question was asked since, and its answer is the one that is waited for.
      if (asked.current !== key) return;
      asked.current = null;
      answered.current = key;
      setAnswer(next);
    };
    request(name, JSON.parse(key) as Arguments<N>).then(
      (value) => take({ value, error: null }),
      (error: unknown) => take({ value: null, error: sentence(error) }),
    );
  }, [name, key, live, held, tick]);
  return answer;
}
