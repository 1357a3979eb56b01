import { Controls, ReactFlow, ReactFlowProvider, useReactFlow, type Edge } from "@xyflow/react";
import "@xyflow/react/dist/base.css";
import "../styles/devices.css";
import { useEffect, useMemo, useState, type MouseEvent } from "react";
import type { DomainWiring } from "../../core/api/schema.ts";
import { onWiring, request, sentence } from "../state/session.ts";
import { useHostRuns, useLive } from "../state/live.ts";
import { edgesOf, Kept, nodesOf, partOf, type BoxNode, type PartNode } from "./diagram.ts";
import { openMenu } from "../ui/ContextMenu.tsx";
import { deviceMenu } from "./menu.ts";
import { HandshakeCard } from "./HandshakeCard.tsx";
import { DeviceList } from "./DeviceList.tsx";
import { OtherDevices } from "./OtherDevices.tsx";
import { BoxView, PartView } from "./nodes.tsx";
import { PartFacts } from "./PartFacts.tsx";
import { GrantTable, PortTable } from "./tables.tsx";
import { WiringSamples, type DeviceSample } from "./samples.ts";
import { say } from "../state/messages.ts";

const EVERY_MS = 500;
const MOST_HEIGHT = 640;
/** The margin around the diagram. */
const EDGE = 12;
const NODE_TYPES = { part: PartView, box: BoxView };

/** Shows live how a domain's devices are wired. They are measured only while this is shown. */
export function DevicesTab({ domid }: { domid: number }) {
  const live = useLive();
  const runs = useHostRuns();
  const samples = useMemo(() => new WiringSamples(), [domid, runs]);
  const [shown, setShown] = useState<{ report: DomainWiring; devices: DeviceSample[] } | null>(null);
  const [selected, select] = useState<string | null>(null);
  useEffect(() => setShown(null), [domid, runs]);
  useEffect(() => {
    if (!live) return;
    let current = true;
    const take = (report: DomainWiring): void => {
      if (current && report.domid === domid) setShown({ report, devices: samples.take(report) });
    };
    const deaf = onWiring(take);
    // Both requests are sent at once, so that the one that ends the report, below, is sent after either.
    request("wiringEvery", { domid, milliseconds: EVERY_MS }).catch(() => {});
    request("wiring", { domid }).then(take, (error: unknown) => {
      if (current) say("error", sentence(error));
    });
    return () => {
      current = false;
      deaf();
      void request("wiringEvery", { domid, milliseconds: 0 }).catch(() => {});
    };
  }, [domid, live, samples]);

  if (!runs) return <p className="page-empty">There are no devices while the host does not run.</p>;
  if (!shown) return <p className="page-empty">Reading rings and ports…</p>;
  return (
    <div className="devices">
      <DeviceList domid={domid} devices={shown.devices} select={select} />
      <OtherDevices domid={domid} devices={shown.devices} select={select} />
      {shown.devices.length > 0 ? (
        <ReactFlowProvider>
          <Diagram devices={shown.devices} selected={selected} select={select} />
        </ReactFlowProvider>
      ) : (
        <p className="page-empty">
          {domid === 0 ? "No domain has a device that Domain-0 is the backend of." : "No device of it is connected."}
        </p>
      )}
      {shown.report.moreDomains > 0 && (
        <p className="muted">
          The devices of {shown.report.moreDomains} more domains are left out here; each domain’s page has its own.
        </p>
      )}
      <div className="device-tables">
        <PartFacts key={selected} id={selected} devices={shown.devices} samples={samples} />
        <HandshakeCard devices={shown.report.handshakes} asked={partOf(selected)?.key ?? null} />
        <PortTable report={shown.report} />
        <GrantTable report={shown.report} />
      </div>
    </div>
  );
}

function Diagram({
  devices,
  selected,
  select,
}: {
  devices: DeviceSample[];
  selected: string | null;
  select: (id: string | null) => void;
}) {
  const [kept] = useState(() => ({ nodes: new Kept<PartNode | BoxNode>(), edges: new Kept<Edge>() }));
  const nodes = useMemo(() => kept.nodes.of(nodesOf(devices, selected)), [kept, devices, selected]);
  const edges = useMemo(() => kept.edges.of(edgesOf(devices)), [kept, devices]);
  const keys = devices.map(({ key, rings }) => `${key} ${rings.length}`).join();
  const bottom = Math.max(...nodes.map(({ position, height }) => position.y + (height ?? 0)));
  const right = Math.max(...nodes.map(({ position, width }) => position.x + (width ?? 0)));
  const isTall = bottom + 2 * EDGE > MOST_HEIGHT;
  const flow = useReactFlow();
  const [box, setBox] = useState<HTMLDivElement | null>(null);
  useEffect(() => {
    if (!box) return;
    // The diagram is as wide as there is room and starts at the top. Many devices are scrolled rather than made too small to read.
    const fit = new ResizeObserver(() => {
      const zoom = Math.min(1, (box.clientWidth - 2 * EDGE) / right);
      void flow.setViewport({ x: Math.max(EDGE, (box.clientWidth - right * zoom) / 2), y: EDGE / 2, zoom });
    });
    fit.observe(box);
    return () => fit.disconnect();
  }, [box, flow, keys, right]);
  return (
    <div className="wiring-diagram" ref={setBox} style={{ height: Math.min(MOST_HEIGHT, bottom + 2 * EDGE) }}>
      <ReactFlow
        nodes={nodes}
        edges={edges}
        nodeTypes={NODE_TYPES}
        onNodesChange={(changes) => {
          for (const change of changes) if (change.type === "select" && change.selected) select(change.id);
        }}
        onPaneClick={() => select(null)}
        onNodeContextMenu={(event, { id }) => {
          const device = devices.find(({ key }) => key === partOf(id)?.key);
          if (device) openMenu(event as MouseEvent<HTMLElement>, device.wiring.title, deviceMenu(device.wiring));
        }}
        nodesDraggable={false}
        nodesConnectable={false}
        edgesFocusable={false}
        zoomOnScroll={false}
        panOnScroll={isTall}
        preventScrolling={isTall}
        minZoom={0.2}
        maxZoom={1.5}
        proOptions={{ hideAttribution: true }}
        aria-label="Wiring of the devices"
      >
        <Controls showInteractive={false} position="bottom-right" />
      </ReactFlow>
    </div>
  );
}
