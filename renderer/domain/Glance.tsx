/** What one looks for first: the state, since when, what runs in it, and how it stopped last. */
import type { DomainInfo, DomainStop, KeptDomain } from "../../core/api/schema.ts";
import { useLastStop } from "../state/stops.ts";
import { useApp } from "../state/store.ts";
import { clockText } from "../ui/clock.ts";
import { spanText, uptimeText } from "../ui/uptime.ts";
import { endOf, STATE_WORDS, stateOf, type DomainState } from "./state-words.ts";
import { StateMark } from "./StateMark.tsx";
import { Term } from "../glossary/Term.tsx";

const REASONS: Record<DomainStop["reason"], string> = {
  poweroff: "It powered off",
  reboot: "It rebooted",
  crash: "It crashed",
  watchdog: "Its watchdog was not fed",
  suspend: "It was saved",
  soft_reset: "It was reset",
  unknown: "It shut down for an unknown reason",
  destroyed: "It was destroyed",
  host: "Its host ended",
};
const SETTINGS: Partial<Record<DomainStop["reason"], string>> = {
  poweroff: "on_poweroff",
  reboot: "on_reboot",
  crash: "on_crash",
  watchdog: "on_crash",
};

/** Says why and when the domain stopped, and what its settings did then. */
function stopText({ reason, action, at, domid }: DomainStop, now: number): string {
  const setting = SETTINGS[reason];
  const followed = action === null ? "" : `; ${setting ? `${setting} is ${action}` : `then ${action}`}`;
  const which = domid === now ? "" : `, as domain ${domid}`;
  return `${REASONS[reason]} at ${clockText(at)}${which}${followed}`;
}

/** Without the folder, which is shown in the configuration below. */
const baseName = (file: string): string => file.slice(file.lastIndexOf("/") + 1);

export function Glance({ domain }: { domain: DomainInfo }) {
  const stop = useLastStop(domain.uuid);
  useApp((state) => state.tick);
  return (
    <Facts
      state={stateOf(domain)}
      held={domain.held}
      up={["Up", uptimeText(domain.createdAt)]}
      kernel={domain.config ? bootedFrom(domain.config) : null}
      stop={stop ? stopText(stop, domain.domid) : "None since the host’s power-on"}
    />
  );
}

/** The same for a domain that is gone, as it was last seen. */
export function EndGlance({
  domid,
  last,
  stop,
  kept,
}: {
  domid: number;
  last: DomainInfo | null;
  stop: DomainStop | null;
  kept: KeptDomain | null;
}) {
  return (
    <Facts
      state={endOf({ reason: stop?.reason ?? "", kept })}
      held={null}
      up={["Was up", stop && last ? spanText(stop.at - last.createdAt) : "Nobody noticed how long"]}
      kernel={last?.config ? bootedFrom(last.config) : null}
      stop={stop ? stopText(stop, domid) : "Nobody noticed why"}
    />
  );
}

function Facts({
  state,
  held,
  up: [upWord, up],
  kernel,
  stop,
}: {
  state: DomainState;
  /** Why the domain does not run although nobody paused it. */
  held: string | null;
  up: readonly [word: string, text: string];
  kernel: string | null;
  stop: string;
}) {
  return (
    <dl className="card glance" aria-label="At a glance">
      <div>
        <dt>State</dt>
        <dd>
          <StateMark state={state} /> <Term of={state}>{STATE_WORDS[state]}</Term>
        </dd>
      </div>
      {held !== null && (
        <div className="glance-stop">
          <dt>Waits</dt>
          <dd>{held}</dd>
        </div>
      )}
      <div>
        <dt>{upWord}</dt>
        <dd>{up}</dd>
      </div>
      {kernel !== null && (
        <div>
          <dt>Kernel</dt>
          <dd className="mono" title={kernel}>
            {baseName(kernel)}
          </dd>
        </div>
      )}
      <div className="glance-stop">
        <dt>Last stop</dt>
        <dd>{stop}</dd>
      </div>
    </dl>
  );
}

function bootedFrom({ kernel }: NonNullable<DomainInfo["config"]>): string {
  return kernel || "on its first disk";
}
