import { clockText } from "../ui/clock.ts";
import type { DomainInfo, DomainStop } from "../../core/api/schema.ts";
import { useLastStop } from "../state/stops.ts";
import { useApp } from "../state/store.ts";
import { spanText, uptimeText } from "../ui/uptime.ts";

const REASONS: Record<DomainStop["reason"], string> = {
  poweroff: "It powered off",
  reboot: "It rebooted",
  crash: "It crashed",
  watchdog: "Its watchdog was not fed",
  suspend: "It was saved",
  soft_reset: "It was reset",
  destroyed: "It was destroyed",
  host: "Its host ended",
};
const SETTINGS: Partial<Record<DomainStop["reason"], string>> = {
  poweroff: "on_poweroff",
  reboot: "on_reboot",
  crash: "on_crash",
  watchdog: "on_crash",
};

/** Why and when, and what followed by its settings. */
function stopText({ reason, action, at, domid }: DomainStop, now: number): string {
  const setting = SETTINGS[reason];
  const followed = action === null ? "" : `; ${setting ? `${setting} is ${action}` : `then ${action}`}`;
  const which = domid === now ? "" : `, as domain ${domid}`;
  return `${REASONS[reason]} at ${clockText(at)}${which}${followed}`;
}

/** State, figures and the last stop of a domain that is there. */
export function StateFacts({ domain }: { domain: DomainInfo }) {
  const stop = useLastStop(domain.uuid);
  return (
    <section className="card">
      <h2>State</h2>
      <dl className="facts">
        <dt>Domain</dt>
        <dd>
          {domain.domid}, {domain.type === "pv" ? "PV, 64-bit" : domain.type}
        </dd>
        <dt>xl list</dt>
        <dd className="mono">{domain.stateString}</dd>
        <dt>Up</dt>
        <dd>
          <Uptime since={domain.createdAt} />
        </dd>
        <dt>Last stop</dt>
        <dd>{stop ? stopText(stop, domain.domid) : "None since the host’s power-on"}</dd>
        <dt>CPU time</dt>
        <dd>{domain.cpuTimeSeconds.toFixed(1)} s</dd>
        <dt>vCPUs</dt>
        <dd>
          {domain.onlineVcpus} of {domain.vcpus} online
        </dd>
        <dt>UUID</dt>
        <dd className="mono">{domain.uuid}</dd>
      </dl>
    </section>
  );
}

/** The same of one that is gone, as it was last seen. */
export function EndFacts({ domid, last, stop }: { domid: number; last: DomainInfo | null; stop: DomainStop | null }) {
  return (
    <section className="card">
      <h2>State</h2>
      <dl className="facts">
        <dt>Domain</dt>
        <dd>
          {domid}
          {last && `, ${last.type === "pv" ? "PV, 64-bit" : last.type}`}
        </dd>
        <dt>Last stop</dt>
        <dd>{stop ? stopText(stop, domid) : "Nobody noticed why"}</dd>
        {last && (
          <>
            {stop && (
              <>
                <dt>Was up</dt>
                <dd>{spanText(stop.at - last.createdAt)}</dd>
              </>
            )}
            <dt>CPU time</dt>
            <dd>{last.cpuTimeSeconds.toFixed(1)} s, when last measured</dd>
            <dt>vCPUs</dt>
            <dd>{last.vcpus}</dd>
            <dt>UUID</dt>
            <dd className="mono">{last.uuid}</dd>
          </>
        )}
      </dl>
    </section>
  );
}

function Uptime({ since }: { since: number }) {
  useApp((state) => state.tick);
  return <>{uptimeText(since)}</>;
}

/** What it was created from. */
export function Config({ config }: { config: NonNullable<DomainInfo["config"]> }) {
  return (
    <section className="card">
      <h2>Set for its life</h2>
      <p className="muted config-note">To change these, create the domain anew.</p>
      <dl className="facts">
        <dt>Kernel</dt>
        <dd className="mono">{config.kernel}</dd>
        {config.ramdisk && (
          <>
            <dt>RAM disk</dt>
            <dd className="mono">{config.ramdisk}</dd>
          </>
        )}
        {config.cmdline && (
          <>
            <dt>Command line</dt>
            <dd className="mono">{config.cmdline}</dd>
          </>
        )}
        <dt>Memory</dt>
        <dd>
          {config.memoryMiB} MiB at first, at most {config.maxmemMiB}
        </dd>
        <dt>vCPUs</dt>
        <dd>
          {config.vcpus} at first, at most {config.maxvcpus}
        </dd>
        <dt>Weight, cap</dt>
        <dd>
          {config.cpuWeight} at first, {config.cap === 0 ? "no cap" : `${config.cap} %`}
        </dd>
        <dt>When it ends</dt>
        <dd>
          poweroff: {config.onPoweroff}, reboot: {config.onReboot}, crash: {config.onCrash}
        </dd>
      </dl>
    </section>
  );
}
