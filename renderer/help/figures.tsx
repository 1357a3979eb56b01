/** The host's present figures, beside the tour's text. */
import type { DeviceWiring, DomainInfo } from "../../core/api/schema.ts";
import { usePolled } from "../state/polled.ts";
import { history } from "../state/session.ts";
import { useApp } from "../state/store.ts";
import { formatValue } from "../ui/units.ts";
import { uptimeText } from "../ui/uptime.ts";
import type { StepId } from "./steps.ts";

type Rows = readonly (readonly [what: string, value: string])[];

export function Figures({ step, guest }: { step: StepId; guest: DomainInfo | null }) {
  if (step === "hypervisor") return <OfXen />;
  if (step === "dom0") return <OfDom0 />;
  if (!guest || step === "end") return null;
  if (step === "domu" || step === "pv") return <OfGuest guest={guest} step={step} />;
  return <OfWiring domid={guest.domid} step={step} />;
}

function List({ rows }: { rows: Rows }) {
  return (
    <dl className="facts tour-figures" aria-label="On this host, now">
      {rows.map(([what, value]) => (
        <div key={what} className="fact-row">
          <dt>{what}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function OfXen() {
  const { value: info } = usePolled("hostInfo", {});
  if (!info) return null;
  const rows: Rows = [
    ["Version it speaks", `Xen ${info.xenMajor}.${info.xenMinor}${info.xenExtra}`],
    ["Processors", `${info.nrCpus} ${info.nrCpus === 1 ? "pCPU" : "pCPUs"}`],
    ["Memory", `${info.totalMemoryMiB.toFixed(0)} MiB, ${info.freeMemoryMiB.toFixed(0)} MiB free`],
    ["Scheduler", info.xenScheduler],
  ];
  return <List rows={rows} />;
}

function OfDom0() {
  useApp((state) => state.tick);
  const domains = useApp((state) => state.domains);
  const dom0 = domains.find(({ domid }) => domid === 0);
  const figures = history.domains.get(0);
  if (!dom0) return null;
  const rows: Rows = [
    ["Memory", `${Math.round(dom0.memoryMiB)} MiB`],
    ["CPU now", formatValue(figures?.cpu.last ?? NaN, "%")],
    ["Its hypercalls", formatValue(figures?.hypercalls.last ?? NaN, "/s")],
    ["Guests it looks after", String(domains.length - 1)],
  ];
  return <List rows={rows} />;
}

function OfGuest({ guest, step }: { guest: DomainInfo; step: "domu" | "pv" }) {
  useApp((state) => state.tick);
  const figures = history.domains.get(guest.domid);
  const rows: Rows =
    step === "domu"
      ? [
          ["Name", `${guest.name}, domid ${guest.domid}`],
          ["Memory", `${Math.round(guest.memoryMiB)} MiB`],
          ["vCPUs", `${guest.onlineVcpus} of ${guest.vcpus} online`],
          ["Up", uptimeText(guest.createdAt)],
        ]
      : [
          ["Hypercalls", formatValue(figures?.hypercalls.last ?? NaN, "/s")],
          ["Events received", formatValue(figures?.events.last ?? NaN, "/s")],
          ["Page faults", formatValue(figures?.pageFaults.last ?? NaN, "/s")],
        ];
  return <List rows={rows} />;
}

function OfWiring({ domid, step }: { domid: number; step: StepId }) {
  const { value: wiring } = usePolled("wiring", { domid });
  const device = wiring?.devices.find(({ kind }) => kind === "console");
  const store = wiring?.devices.find(({ kind }) => kind === "xenstore");
  if (!wiring) return null;
  if (step === "xenstore") return store ? <List rows={storeRows(store, device)} /> : null;
  if (!device) return <p className="muted">Its console is not connected now.</p>;
  return (
    <List
      rows={
        step === "grants" ? grantRows(device) : step === "event-channels" ? portRows(device) : ringRows(wiring.devices)
      }
    />
  );
}

function ringRows(devices: readonly DeviceWiring[]): Rows {
  return devices.flatMap(({ title, rings }) =>
    rings.map(({ structure, directions, unit }) => {
      const sizes = directions.map(({ name, size }) => `${name} ${size}${unit === "bytes" ? " B" : ""}`).join(", ");
      return [title, `${structure}: ${sizes}`] as const;
    }),
  );
}

function portRows({ rings: [ring] }: DeviceWiring): Rows {
  const { frontendPort, backendPort } = ring ?? {};
  return [
    ["The guest’s port", frontendPort ? String(frontendPort.port) : "closed"],
    ["Domain-0’s port", backendPort ? `${backendPort.port}, ${backendPort.state}` : "closed"],
    ["Events so far", `${backendPort?.received ?? "–"} to Domain-0, ${backendPort?.sent ?? "–"} to the guest`],
  ];
}

function grantRows({ rings: [ring] }: DeviceWiring): Rows {
  const page = ring?.grants[0];
  if (!page) return [["Now", "not mapped"]];
  const { ref, grant, mfn } = page;
  return [
    ["Grant reference", String(ref)],
    ["Page", `machine frame ${mfn}`],
    ["Now", grant === null ? "revoked" : grant.reading || grant.writing ? "mapped by Domain-0" : "not mapped"],
  ];
}

function storeRows({ behind }: DeviceWiring, device: DeviceWiring | undefined): Rows {
  const [ring] = device?.rings ?? [];
  return [
    ...(behind?.figures.slice(0, 2).map(({ label, value }) => [label, String(value)] as const) ?? []),
    ...(device && ring
      ? ([
          ["Console’s grant, port", `${ring.grants[0]?.ref ?? "–"}, ${ring.frontendPort?.port ?? "closed"}`],
          ["They stand in", device.frontendPath],
        ] as const)
      : []),
  ];
}
