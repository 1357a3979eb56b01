/** An answer of the host that no event renews. It is asked for with each tick of the figures while the view is shown. */
import { dequal } from "dequal";
import { useEffect, useState } from "react";
import type { Arguments, RequestName, Results } from "../../core/api/schema.ts";
import { useLive } from "./live.ts";
import { request } from "./session.ts";
import { useApp } from "./store.ts";

/**
 * The value is null until there is an answer. An answer that is equal to the last one is the same object. `again` asks at once, and resolves when the
 * answer has arrived.
 */
export function usePolled<N extends RequestName>(
  name: N,
  args: Arguments<N>,
): { value: Results[N] | null; again: () => Promise<void> } {
  const live = useLive();
  const tick = useApp((state) => state.tick);
  const [value, setValue] = useState<Results[N] | null>(null);
  const key = JSON.stringify(args);
  useEffect(() => setValue(null), [name, key]);
  useEffect(() => {
    if (!live) return;
    let current = true;
    request(name, args).then(
      (answer) => current && setValue((before) => (dequal(before, answer) ? before : answer)),
      () => {},
    );
    return () => {
      current = false;
    };
    // `args` is a new object with each rendering; `key` changes only when its meaning does.
  }, [name, key, live, tick]);
  return { value, again: () => request(name, args).then(setValue, () => {}) };
}
