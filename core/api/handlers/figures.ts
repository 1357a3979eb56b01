/** Carries out requests about figures: present ones once or repeatedly, and those of the last day. */
import type { FIGURE_REQUESTS } from "../requests/figures.ts";
import type { HandlersOf } from "../requests/request.ts";
import { Sampler } from "../sampler.ts";
import { passTo, type SessionContext } from "./context.ts";

export function figureHandlers(session: SessionContext): HandlersOf<typeof FIGURE_REQUESTS> {
  const { host } = session;
  const sampler = new Sampler(
    async () => session.send("statistics", await host.statistics()),
    () => mayMeasure(session),
  );
  /** Stops following the figures; null if the session does not follow them. */
  let unfollow: (() => void) | null = null;
  session.listen("statistics", (data) => {
    if (unfollow && !session.isBehind) session.send("statistics", data);
  });
  session.onEnd(() => {
    sampler.every(0);
    unfollow?.();
  });
  return {
    statistics: () => host.statistics(),
    domainCounts: passTo(host)("domainCounts"),
    statisticsEvery: ({ milliseconds }) => {
      sampler.every(milliseconds);
      return null;
    },
    liveAttach: () => {
      unfollow ??= host.follow();
      return host.live.dump();
    },
    history: ({ of }) => host.history.report(of),
    marks: async () => [...(await host.history.events())],
  };
}

/** Returns whether repeated measurements may be made for a session now. */
export function mayMeasure(session: SessionContext): boolean {
  return !session.ended && session.host.state.power === "running" && !session.isBehind;
}
