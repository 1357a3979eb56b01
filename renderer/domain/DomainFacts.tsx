import { Fragment } from "react";
import type { DomainInfo } from "../../core/api/schema.ts";
import { Term } from "../glossary/Term.tsx";

/** Shows what a domain that exists is, beside what the glance says. */
export function StateFacts({ domain }: { domain: DomainInfo }) {
  return (
    <section className="card">
      <h2>State</h2>
      <dl className="facts">
        <dt>
          <Term of="domid">Domain</Term>
        </dt>
        <dd>
          {domain.domid}, {domain.type === "pv" ? <Term of="pv">PV, 64-bit</Term> : domain.type}
        </dd>
        <dt>
          <Term of="xl-list">xl list</Term>
        </dt>
        <dd className="mono">{domain.stateString}</dd>
        <dt>
          <Term of="cpu-time">CPU time</Term>
        </dt>
        <dd>{domain.cpuTimeSeconds.toFixed(1)} s</dd>
        <dt>
          <Term of="vcpu">vCPUs</Term>
        </dt>
        <dd>
          {domain.onlineVcpus} of {domain.vcpus} online
        </dd>
        <dt>
          <Term of="uuid">UUID</Term>
        </dt>
        <dd className="mono">{domain.uuid}</dd>
      </dl>
    </section>
  );
}

/** The same for a domain that is gone, as it was last seen. */
export function EndFacts({ domid, last }: { domid: number; last: DomainInfo | null }) {
  return (
    <section className="card">
      <h2>State</h2>
      <dl className="facts">
        <dt>
          <Term of="domid">Domain</Term>
        </dt>
        <dd>
          {domid}
          {last && `, ${last.type === "pv" ? "PV, 64-bit" : last.type}`}
        </dd>
        {last && (
          <>
            <dt>
              <Term of="cpu-time">CPU time</Term>
            </dt>
            <dd>{last.cpuTimeSeconds.toFixed(1)} s, when last measured</dd>
            <dt>
              <Term of="vcpu">vCPUs</Term>
            </dt>
            <dd>{last.vcpus}</dd>
            <dt>
              <Term of="uuid">UUID</Term>
            </dt>
            <dd className="mono">{last.uuid}</dd>
          </>
        )}
      </dl>
    </section>
  );
}

/** Shows what the domain was created from. */
export function Config({ config }: { config: NonNullable<DomainInfo["config"]> }) {
  return (
    <section className="card">
      <h2>Configuration</h2>
      <p className="muted config-note">
        A running domain keeps these; another configuration holds from its next start on.
      </p>
      <dl className="facts">
        <dt>Kernel</dt>
        <dd className={config.kernel ? "mono" : undefined}>
          {config.kernel || "found on its first disk at each boot"}
        </dd>
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
        {config.devices.flatMap(({ kind, id, back }) =>
          kind === "vbd"
            ? [
                <Fragment key={id}>
                  <dt>Disk {back.dev}</dt>
                  <dd className="mono">{back.params || "an empty drive"}</dd>
                </Fragment>,
              ]
            : [],
        )}
        <dt>
          <Term of="maxmem">Memory</Term>
        </dt>
        <dd>
          {config.memoryMiB} MiB at first, at most {config.maxmemMiB}
        </dd>
        <dt>
          <Term of="vcpu">vCPUs</Term>
        </dt>
        <dd>
          {config.vcpus} at first, at most {config.maxvcpus}
        </dd>
        <dt>
          <Term of="weight">Weight, cap</Term>
        </dt>
        <dd>
          {config.cpuWeight} at first, {config.cap === 0 ? "no cap" : `${config.cap} %`}
        </dd>
        <dt>
          <Term of="on-end">When it ends</Term>
        </dt>
        <dd>
          poweroff: {config.onPoweroff}, reboot: {config.onReboot}, crash: {config.onCrash}
        </dd>
      </dl>
    </section>
  );
}
