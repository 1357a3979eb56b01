import { ArrowUpFromLine, Disc3, HardDrive, Network, Unplug } from "lucide-react";
import type { DomainInfo } from "../../core/api/schema.ts";
import { baseName } from "../create/devices.ts";
import { useApp } from "../state/store.ts";
import { formatValue } from "../ui/units.ts";
import { askAttach } from "./attach-state.ts";
import { askDetach, eject, type Attached } from "./device-deeds.ts";
import { DEVICE_COLUMNS, DeviceLine } from "./DeviceLine.tsx";
import { rateText } from "./figures.ts";
import type { DeviceSample } from "./samples.ts";
import { Tool } from "../ui/Tool.tsx";
import { Table, type Columns } from "../ui/Table.tsx";

const COLUMNS: Columns = [
  ...DEVICE_COLUMNS,
  { title: "Rings", hint: "How many, and the slots of each" },
  { title: "In flight", hint: "Requests that the backend works on", isNumber: true },
  { title: "Grants", hint: "Pages of the guest's that the backend has mapped", isNumber: true },
  { title: "Kicks", hint: "Events to the backend", isNumber: true },
  { title: "In", hint: "Read or received by the guest", isNumber: true },
  { title: "Out", hint: "Written or sent by the guest", isNumber: true },
  { title: "Latency", hint: "Of the requests that ended since the last look, on average", isNumber: true },
];

/** Lists the disks and networks among the devices, each in a line with its states, its traffic, what lies behind it and what can be done. */
export function DeviceList({
  domid,
  devices,
  select,
}: {
  domid: number;
  devices: readonly DeviceSample[];
  /** Selects a part of the diagram. */
  select: (id: string) => void;
}) {
  const domains = useApp((state) => state.domains);
  const domain = domains.find((each) => each.domid === domid);
  const shown = devices.filter(({ wiring }) => wiring.kind === "vbd" || wiring.kind === "vif");
  const isManaged = Boolean(domain?.config);
  return (
    <section className="card device-list">
      <header className="card-header">
        <h2>Disks and networks</h2>
        <span className="spacer" />
        {isManaged && (
          <>
            <button type="button" onClick={() => askAttach(domid, "disk")}>
              <HardDrive size={14} aria-hidden /> Attach a disk or CD…
            </button>
            <button type="button" onClick={() => askAttach(domid, "vif")}>
              <Network size={14} aria-hidden /> Attach a network…
            </button>
          </>
        )}
      </header>
      {shown.length === 0 ? (
        <p className="muted">
          {isManaged ? "It has none. An image can also be dropped on the window." : "No domain has one."}
        </p>
      ) : (
        <Table label="Disks and networks" columns={COLUMNS}>
          {shown.map((sample) => (
            <DeviceRow
              key={sample.key}
              sample={sample}
              domain={domains.find((each) => each.domid === sample.wiring.domid)}
              isAmongOthers={domid === 0}
              select={select}
            />
          ))}
        </Table>
      )}
    </section>
  );
}

function DeviceRow({
  sample,
  domain,
  isAmongOthers,
  select,
}: {
  sample: DeviceSample;
  domain: DomainInfo | undefined;
  isAmongOthers: boolean;
  select: (id: string) => void;
}) {
  const { wiring, rings, traffic, kicks } = sample;
  const device = attachedOf(sample, domain);
  const slots = rings[0]?.wiring.directions[0]?.size;
  return (
    <DeviceLine
      sample={sample}
      icon={device.key === "vif" ? Network : device.isCd ? Disc3 : HardDrive}
      title={device.name}
      isAmongOthers={isAmongOthers}
      deeds={<DeviceButtons device={device} isEmpty={isEmptyDrive(sample)} />}
      behind={behindOf(sample)}
      select={select}
    >
      <td>{slots === undefined ? "–" : `${rings.length} × ${slots}`}</td>
      <td className="number">{wiring.traffic?.inFlight ?? "–"}</td>
      <td className="number">{wiring.traffic?.grantsMapped ?? "–"}</td>
      <td className="number">{rateText(kicks)}</td>
      <td className="number">{formatValue(traffic?.inRate ?? NaN, "B/s")}</td>
      <td className="number">{formatValue(traffic?.outRate ?? NaN, "B/s")}</td>
      <td className="number">{latencyText(traffic?.latency ?? NaN)}</td>
    </DeviceLine>
  );
}

function DeviceButtons({ device, isEmpty }: { device: Attached; isEmpty: boolean }) {
  const { domid, name, takesMedia } = device;
  return (
    <>
      {takesMedia && (
        <Tool label={`Insert a medium into ${name}…`} onClick={() => askAttach(domid, "disk", { drive: name })}>
          <Disc3 size={16} aria-hidden />
        </Tool>
      )}
      {takesMedia && (
        <Tool label={`Eject ${name}`} disabled={isEmpty} onClick={() => void eject(device)}>
          <ArrowUpFromLine size={16} aria-hidden />
        </Tool>
      )}
      <Tool label={`Detach ${name}…`} onClick={() => askDetach(device)}>
        <Unplug size={16} aria-hidden />
      </Tool>
    </>
  );
}

/** Returns the device as its domain's configuration has it. */
function attachedOf({ wiring }: DeviceSample, domain: DomainInfo | undefined): Attached {
  const { domid, name, kind, id, vdev, backendDomid } = wiring;
  const spec = domain?.config?.devices.find((each) => each.kind === kind && each.id === id);
  const isDisk = kind === "vbd";
  const isCd = spec?.back["device-type"] === "cdrom";
  return {
    domid,
    domain: name,
    key: isDisk ? "disk" : "vif",
    id,
    name: isDisk ? (vdev ?? id) : `interface ${id}`,
    isCd,
    takesMedia: isCd && backendDomid === 0,
    isDisposable: spec?.back.disposable === 1,
    isReadOnly: spec?.back.mode === "r",
  };
}

function figureOf({ wiring }: DeviceSample, name: string): string {
  return String(wiring.behind?.figures.find((each) => each.name === name)?.value ?? "");
}
function isEmptyDrive(sample: DeviceSample): boolean {
  return figureOf(sample, "image") === "";
}

function behindOf(sample: DeviceSample) {
  const { behind, kind } = sample.wiring;
  if (!behind) return <span className="muted">known to its backend only</span>;
  if (kind === "vif") return figureOf(sample, "bridge");
  const image = figureOf(sample, "image");
  if (image === "") return "no medium";
  // A driver domain's is one of its block devices.
  const [, path] = /^[a-z0-9]+:(.*)$/s.exec(image) ?? [];
  return <span title={image}>{path === undefined ? image : baseName(path)}</span>;
}

function latencyText(microseconds: number): string {
  if (!Number.isFinite(microseconds)) return "–";
  return microseconds < 1000 ? `${microseconds.toFixed(0)} µs` : `${(microseconds / 1000).toFixed(1)} ms`;
}
