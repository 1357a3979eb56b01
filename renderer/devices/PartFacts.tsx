import type { ReactNode } from "react";
import type { GrantWiring, PortWiring } from "../../core/api/schema.ts";
import { Sparkline } from "../ui/Sparkline.tsx";
import { StoreLines } from "../xenstore/StoreLines.tsx";
import type { Part } from "./diagram.ts";
import { rateText, xenbusState } from "./figures.ts";
import { usedOf, type DeviceSample, type WiringSamples } from "./samples.ts";

/** What is known of the part that was clicked. */
export function PartFacts({
  id,
  devices,
  samples,
}: {
  id: string | null;
  devices: DeviceSample[];
  samples: WiringSamples;
}) {
  const [key, part] = (id ?? "").split(":") as [string, Part];
  const device = devices.find((each) => each.key === key);
  if (!device)
    return (
      <section className="card part-facts">
        <p className="muted">
          A split device has two ends: the frontend in the guest, the backend in Domain-0. They share a page that the
          guest has granted, with a ring in it, and tell each other by an event channel. Lines move when something goes
          through. Choose a part to see its numbers.
        </p>
      </section>
    );
  return (
    <section className="card part-facts" aria-live="off">
      {FACTS[part](device, samples)}
    </section>
  );
}

const FACTS: Record<Part, (device: DeviceSample, samples: WiringSamples) => ReactNode> = {
  frontend: ({ wiring }) => (
    <>
      <h2>{wiring.kind === "console" ? "Console frontend" : "xenstore client"}</h2>
      <dl className="facts">
        <dt>Domain</dt>
        <dd>
          {wiring.name}, domid {wiring.domid}
        </dd>
        <Port port={wiring.frontendPort} />
      </dl>
      <StoreLines root={wiring.frontendPath} />
    </>
  ),
  backend: ({ wiring }) => (
    <>
      <h2>{wiring.kind === "console" ? "Console backend" : "xenstored"}</h2>
      <dl className="facts">
        <dt>Domain</dt>
        <dd>Domain-0</dd>
        {wiring.backendPath && (
          <>
            <dt>State</dt>
            <dd>{xenbusState(wiring.backendState)}</dd>
          </>
        )}
        <Port port={wiring.backendPort} />
      </dl>
      {wiring.backendPath && <StoreLines root={wiring.backendPath} />}
    </>
  ),
  ring: ({ wiring, bytes }) => (
    <>
      <h2 className="mono">struct {wiring.ring.structure}</h2>
      <dl className="facts">
        <dt>Frame</dt>
        <dd>mfn {wiring.ring.mfn}</dd>
        {wiring.ring.error !== null && (
          <>
            <dt>Error</dt>
            <dd>{wiring.ring.error === 0 ? "none" : wiring.ring.error}</dd>
          </>
        )}
      </dl>
      {wiring.ring.directions.map((direction) => (
        <div key={direction.name}>
          <h3>
            <span className="mono">{direction.name}</span>, to the {direction.towards}
          </h3>
          <dl className="facts">
            <dt>Producer</dt>
            <dd>
              {direction.producer} <span className="muted">at byte {direction.producer % direction.size}</span>
            </dd>
            <dt>Consumer</dt>
            <dd>
              {direction.consumer} <span className="muted">at byte {direction.consumer % direction.size}</span>
            </dd>
            <dt>Filled</dt>
            <dd>
              {usedOf(direction) === null
                ? "the guest's indices make no sense"
                : `${usedOf(direction)} of ${direction.size} bytes`}
            </dd>
            <dt>Now</dt>
            <dd>{rateText(bytes[direction.name] ?? NaN, "B/s")}</dd>
          </dl>
        </div>
      ))}
    </>
  ),
  channel: ({ key, wiring, toBackend, toFrontend }, { histories }) => {
    const history = histories.get(key);
    return (
      <>
        <h2>Event channel</h2>
        <h3>
          {wiring.name}, domid {wiring.domid}
        </h3>
        <dl className="facts">
          <Port port={wiring.frontendPort} />
        </dl>
        <h3>Domain-0</h3>
        <dl className="facts">
          <Port port={wiring.backendPort} />
        </dl>
        {(
          [
            ["To the backend", toBackend, history?.toBackend],
            ["To the frontend", toFrontend, history?.toFrontend],
          ] as const
        ).map(([title, rate, series]) => (
          <div key={title} className="fact-line">
            <span>{title}</span>
            <Sparkline series={series} max={Math.max(5, ...finite(series?.values))} label={`${title}, last 30 s`} />
            <span>{rateText(rate)}</span>
          </div>
        ))}
      </>
    );
  },
  grant: ({ wiring }) => (
    <>
      <h2>Grant {wiring.grantRef}</h2>
      {wiring.grant ? (
        <GrantFacts grant={wiring.grant} handle={wiring.mapHandle} />
      ) : (
        <p className="muted">The guest has taken the grant back; Domain-0’s mapping stays until it ends.</p>
      )}
    </>
  ),
  behind: ({ wiring: { behind, domid } }) => (
    <>
      <h2>{behind.kind === "log" ? "Console log" : "The store"}</h2>
      <dl className="facts">
        {behind.kind === "log" ? (
          <>
            <dt>Written in all</dt>
            <dd>{behind.streamBytes} bytes</dd>
            <dt>Kept</dt>
            <dd>{behind.keptBytes} bytes</dd>
            <dt>Typed ahead</dt>
            <dd>{behind.waitingInput} bytes</dd>
          </>
        ) : (
          <>
            <dt>Nodes</dt>
            <dd>
              {behind.nodes} owned by domain {domid}
            </dd>
            <dt>Watches</dt>
            <dd>{behind.watches}</dd>
            <dt>Transactions</dt>
            <dd>{behind.transactions} open</dd>
            <dt>Requests</dt>
            <dd>{behind.requests}</dd>
            <dt>Watch events</dt>
            <dd>{behind.watchEvents}</dd>
            <dt>Waiting replies</dt>
            <dd>{behind.waitingReplies}</dd>
          </>
        )}
      </dl>
    </>
  ),
};

function Port({ port }: { port: PortWiring | null }) {
  if (!port)
    return (
      <>
        <dt>Port</dt>
        <dd>closed</dd>
      </>
    );
  return (
    <>
      <dt>Port</dt>
      <dd>
        {port.port}, {port.state}
      </dd>
      <dt>Other end</dt>
      <dd>{port.remotePort === null ? "none" : `port ${port.remotePort} of domain ${port.remoteDomid}`}</dd>
      <dt>Notifies</dt>
      <dd>vCPU {port.vcpu}</dd>
      <dt>Bits</dt>
      <dd>{[port.pending && "pending", port.masked && "masked"].filter(Boolean).join(", ") || "none"}</dd>
      {port.received !== null && (
        <>
          <dt>Events</dt>
          <dd>
            {port.received} received, {port.sent} sent
          </dd>
        </>
      )}
    </>
  );
}

function GrantFacts({ grant, handle }: { grant: GrantWiring; handle: number }) {
  return (
    <dl className="facts">
      <dt>Kind</dt>
      <dd className="mono">GTF_{grant.kind}</dd>
      <dt>To</dt>
      <dd>domain {grant.domid}</dd>
      <dt>Frame</dt>
      <dd>mfn {grant.mfn}</dd>
      <dt>May be</dt>
      <dd>{grant.readonly ? "read" : "read and written"}</dd>
      <dt>Is</dt>
      <dd>{grant.writing ? "mapped to write" : grant.reading ? "mapped to read" : "not mapped"}</dd>
      <dt>Map handle</dt>
      <dd>{handle} in Domain-0</dd>
    </dl>
  );
}

function finite(values: Float64Array | undefined): number[] {
  return values ? Array.from(values.subarray(values.length - 60)).filter((value) => Number.isFinite(value)) : [];
}
