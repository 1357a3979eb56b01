import { ArrowUpFromLine, Disc3, HardDrive, Network, Unplug, type LucideIcon } from "lucide-react";
import type { DomainInfo } from "../../core/api/schema.ts";
import { baseName } from "../create/devices.ts";
import { useApp } from "../state/store.ts";
import { formatValue } from "../ui/units.ts";
import { askAttach } from "./attach-state.ts";
import { askDetach, eject, type Attached } from "./device-deeds.ts";
import { idOf } from "./diagram.ts";
import { rateText, xenbusWord } from "./figures.ts";
import type { DeviceSample } from "./samples.ts";

/** The disks and networks among the devices, a line each: states, traffic, what lies behind, and what can be done. */
export function DeviceList({
  domid,
  devices,
  select,
}: {
  domid: number;
  devices: readonly DeviceSample[];
  /** Shows a part of the diagram. */
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
        <div className="table-box" tabIndex={0} role="group" aria-label="Disks and networks">
          <table className="table">
            <thead>
              <tr>
                {COLUMNS.map(([title, hint]) => (
                  <th key={title} scope="col" className={NUMBERS.has(title) ? "number" : undefined} title={hint}>
                    {title}
                  </th>
                ))}
                <th scope="col">
                  <span className="visually-hidden">What can be done</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {shown.map((sample) => (
                <DeviceRow
                  key={sample.key}
                  sample={sample}
                  domain={domains.find((each) => each.domid === sample.wiring.domid)}
                  isAmongOthers={domid === 0}
                  select={select}
                />
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}

const COLUMNS: readonly [title: string, hint?: string][] = [
  ["Device"],
  ["Behind it"],
  ["Frontend"],
  ["Backend", "Its state, and the domain that holds it"],
  ["Rings", "How many, and the slots of each"],
  ["In flight", "Requests that the backend works on"],
  ["Grants", "Pages of the guest's that the backend has mapped"],
  ["Kicks", "Events to the backend"],
  ["In", "Read or received by the guest"],
  ["Out", "Written or sent by the guest"],
  ["Latency", "Of the requests that ended since the last look, on average"],
];
const NUMBERS = new Set(["In flight", "Grants", "Kicks", "In", "Out", "Latency"]);

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
  const { key, wiring, rings, traffic, kicks } = sample;
  const device = attachedOf(sample, domain);
  const Icon = device.key === "vif" ? Network : device.isCd ? Disc3 : HardDrive;
  const slots = rings[0]?.wiring.directions[0]?.size;
  return (
    <tr>
      <th scope="row">
        <button
          type="button"
          className="plain"
          title="Its paths in xenstore"
          onClick={() => select(idOf(key, "frontend"))}
        >
          <Icon size={14} aria-hidden />
          {isAmongOthers && `${wiring.name}: `}
          {device.name}
        </button>
      </th>
      <td className="device-behind">{behindOf(sample)}</td>
      <td>
        <State state={wiring.frontendState} />
      </td>
      <td title={wiring.problem ?? undefined} className={wiring.problem === null ? undefined : "field-error"}>
        <State state={wiring.backendState} /> <span className="muted">{wiring.backendName}</span>
      </td>
      <td>{slots === undefined ? "–" : `${rings.length} × ${slots}`}</td>
      <td className="number">{wiring.traffic?.inFlight ?? "–"}</td>
      <td className="number">{wiring.traffic?.grantsMapped ?? "–"}</td>
      <td className="number">{rateText(kicks)}</td>
      <td className="number">{formatValue(traffic?.inRate ?? NaN, "B/s")}</td>
      <td className="number">{formatValue(traffic?.outRate ?? NaN, "B/s")}</td>
      <td className="number">{latencyText(traffic?.latency ?? NaN)}</td>
      <td>
        <DeviceButtons device={device} isEmpty={isEmptyDrive(sample)} />
      </td>
    </tr>
  );
}

function State({ state }: { state: string | null }) {
  if (state === null) return "none";
  const [, word = state] = xenbusWord(state).split(" ");
  return <span title={`XenbusState ${state}`}>{word}</span>;
}

function DeviceButtons({ device, isEmpty }: { device: Attached; isEmpty: boolean }) {
  const { domid, name, isCd } = device;
  return (
    <span className="button-row">
      {isCd && (
        <Deed
          label={`Insert a medium into ${name}…`}
          Icon={Disc3}
          onClick={() => askAttach(domid, "disk", { drive: name })}
        />
      )}
      {isCd && (
        <Deed label={`Eject ${name}`} Icon={ArrowUpFromLine} disabled={isEmpty} onClick={() => void eject(device)} />
      )}
      <Deed label={`Detach ${name}…`} Icon={Unplug} onClick={() => askDetach(device)} />
    </span>
  );
}

function Deed({
  label,
  Icon,
  disabled = false,
  onClick,
}: {
  label: string;
  Icon: LucideIcon;
  disabled?: boolean;
  onClick: () => void;
}) {
  return (
    <button
      type="button"
      className="icon-button"
      title={label}
      aria-label={label}
      disabled={disabled}
      onClick={onClick}
    >
      <Icon size={16} aria-hidden />
    </button>
  );
}

/** As its domain's configuration has it. */
function attachedOf({ wiring }: DeviceSample, domain: DomainInfo | undefined): Attached {
  const { domid, name, kind, id, vdev } = wiring;
  const spec = domain?.config?.devices.find((each) => each.kind === kind && each.id === id);
  const isDisk = kind === "vbd";
  return {
    domid,
    domain: name,
    key: isDisk ? "disk" : "vif",
    id,
    name: isDisk ? (vdev ?? id) : `interface ${id}`,
    isCd: spec?.back["device-type"] === "cdrom",
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
  const [, path] = /^[a-z0-9]+:(.*)$/s.exec(image) ?? [];
  return path === undefined ? "no medium" : <span title={image}>{baseName(path)}</span>;
}

function latencyText(microseconds: number): string {
  if (!Number.isFinite(microseconds)) return "–";
  return microseconds < 1000 ? `${microseconds.toFixed(0)} µs` : `${(microseconds / 1000).toFixed(1)} ms`;
}
