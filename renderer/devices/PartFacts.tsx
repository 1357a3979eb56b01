import { Fragment, type ReactNode } from "react";
import type { DeviceWiring, GrantWiring, PortWiring, RingWiring } from "../../core/api/schema.ts";
import { Sparkline } from "../ui/Sparkline.tsx";
import { StoreLines } from "../xenstore/StoreLines.tsx";
import { partOf, type Part } from "./diagram.ts";
import { rateText, rateUnit, xenbusState } from "./figures.ts";
import {
  historyKey,
  usedOf,
  type DeviceHistory,
  type DeviceSample,
  type RingSample,
  type WiringSamples,
} from "./samples.ts";

/** Shows what is known of the part that was clicked. */
export function PartFacts({
  id,
  devices,
  samples,
}: {
  id: string | null;
  devices: DeviceSample[];
  samples: WiringSamples;
}) {
  const chosen = partOf(id);
  const device = devices.find((each) => each.key === chosen?.key);
  if (!device || !chosen)
    return (
      <section className="card part-facts">
        <p className="muted">
          A split device has two ends: the frontend in the guest, the backend in Domain-0 or a driver domain. They share
          a page that the guest has granted, with a ring in it, and tell each other by an event channel. Lines move when
          something goes through. Choose a part to see its numbers.
        </p>
      </section>
    );
  return (
    <section className="card part-facts" aria-live="off">
      {factsOf(chosen, device, samples)}
    </section>
  );
}

function factsOf(
  { part, ring: index }: { part: Part; ring: number },
  { key, wiring, rings }: DeviceSample,
  { histories }: WiringSamples,
): ReactNode {
  if (part === "frontend" || part === "backend") return <EndFacts side={part} wiring={wiring} />;
  if (part === "behind") return <BehindFacts wiring={wiring} />;
  const sample = rings[index];
  if (!sample) return <p className="muted">It is not connected any more.</p>;
  if (part === "ring") return <RingFacts sample={sample} />;
  if (part === "grant") return <GrantsFacts wiring={wiring} ring={sample.wiring} />;
  return <ChannelFacts wiring={wiring} sample={sample} history={histories.get(historyKey(key, index))} />;
}

function EndFacts({ side, wiring }: { side: "frontend" | "backend"; wiring: DeviceWiring }) {
  const isFront = side === "frontend";
  const path = isFront ? wiring.frontendPath : wiring.backendPath;
  const state = isFront ? wiring.frontendState : wiring.backendState;
  return (
    <>
      <h2>{isFront ? wiring.frontendTitle : wiring.backendTitle}</h2>
      <dl className="facts">
        <dt>Domain</dt>
        <dd>
          {isFront ? wiring.name : wiring.backendName}, domid {isFront ? wiring.domid : wiring.backendDomid}
        </dd>
        {state !== null && (
          <>
            <dt>State</dt>
            <dd>{xenbusState(state)}</dd>
          </>
        )}
        {!isFront && wiring.problem !== null && (
          <>
            <dt>Problem</dt>
            <dd>{wiring.problem}</dd>
          </>
        )}
        {wiring.rings.map((ring) => (
          <Port key={ring.name} port={isFront ? ring.frontendPort : ring.backendPort} />
        ))}
      </dl>
      {path !== null && <StoreLines root={path} />}
    </>
  );
}

function RingFacts({ sample: { wiring, flow } }: { sample: RingSample }) {
  const isBytes = wiring.unit === "bytes";
  return (
    <>
      <h2 className="mono">struct {wiring.structure}</h2>
      <dl className="facts">
        <dt>{wiring.frames.length === 1 ? "Frame" : "Frames"}</dt>
        <dd>mfn {wiring.frames.join(", ")}</dd>
        {wiring.error !== null && (
          <>
            <dt>Error</dt>
            <dd>{wiring.error === 0 ? "none" : wiring.error}</dd>
          </>
        )}
      </dl>
      {wiring.directions.map((direction) => (
        <div key={direction.name}>
          <h3>
            <span className="mono">{direction.name}</span>, to the {direction.towards}
          </h3>
          <dl className="facts">
            {(["producer", "consumer"] as const).map((index) => (
              <Fragment key={index}>
                <dt>{index === "producer" ? "Producer" : "Consumer"}</dt>
                <dd>
                  {direction[index]}{" "}
                  <span className="muted">
                    at {isBytes ? "byte" : "slot"} {direction[index] % direction.size}
                  </span>
                </dd>
              </Fragment>
            ))}
            <dt>Filled</dt>
            <dd>
              {usedOf(direction) === null
                ? "the guest's indices make no sense"
                : `${usedOf(direction)} of ${direction.size} ${isBytes ? "bytes" : "slots"}`}
            </dd>
            <dt>Now</dt>
            <dd>{rateText(flow[direction.name] ?? NaN, rateUnit(wiring.unit))}</dd>
          </dl>
        </div>
      ))}
    </>
  );
}

function ChannelFacts({
  wiring,
  sample,
  history,
}: {
  wiring: DeviceWiring;
  sample: RingSample;
  history: DeviceHistory | undefined;
}) {
  return (
    <>
      <h2>Event channel</h2>
      <h3>{wiring.name}</h3>
      <dl className="facts">
        <Port port={sample.wiring.frontendPort} />
      </dl>
      <h3>{wiring.backendName}</h3>
      <dl className="facts">
        <Port port={sample.wiring.backendPort} />
      </dl>
      {(
        [
          ["To the backend", sample.toBackend, history?.toBackend],
          ["To the frontend", sample.toFrontend, history?.toFrontend],
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
}

function GrantsFacts({ wiring, ring }: { wiring: DeviceWiring; ring: RingWiring }) {
  if (ring.grants.length === 0)
    return (
      <p className="muted">
        The page is not granted: the frontend names its frame, and {wiring.backendName} may map any frame of a guest’s.
        This protocol is older than grants.
      </p>
    );
  return ring.grants.map(({ ref, grant, handle }) => (
    <Fragment key={ref}>
      <h2>Grant {ref}</h2>
      {grant ? (
        <GrantFacts grant={grant} handle={handle} holder={wiring.backendName} />
      ) : (
        <p className="muted">
          The guest has taken the grant back; the mapping of {wiring.backendName} stays until it ends.
        </p>
      )}
    </Fragment>
  ));
}

function BehindFacts({ wiring: { behind, backendName } }: { wiring: DeviceWiring }) {
  if (!behind) return <p className="muted">What lies behind it is known to {backendName} only.</p>;
  return (
    <>
      <h2>{behind.title}</h2>
      <dl className="facts">
        {behind.figures.map(({ name, label, value, unit }) => (
          <Fragment key={name}>
            <dt>{label}</dt>
            <dd>
              {value} {unit}
            </dd>
          </Fragment>
        ))}
      </dl>
    </>
  );
}

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

function GrantFacts({ grant, handle, holder }: { grant: GrantWiring; handle: number; holder: string }) {
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
      <dd>
        {handle} in {holder}
      </dd>
    </dl>
  );
}

function finite(values: Float64Array | undefined): number[] {
  return values ? Array.from(values.subarray(values.length - 60)).filter((value) => Number.isFinite(value)) : [];
}
