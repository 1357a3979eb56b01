import { HardDrive, Disc3, Plus } from "lucide-react";
import { useRef } from "react";
import type { Finding } from "./checks.ts";
import {
  baseName,
  diskOf,
  EMPTY_DISK,
  freeVdev,
  isCd,
  isForeign,
  isHeldElsewhere,
  isReadOnly,
  type Disk,
  type DiskRow,
} from "./devices.ts";
import { DeviceRows } from "./DeviceRows.tsx";
import { DiskFacts } from "./DiskFacts.tsx";
import { ForeignImage } from "./ForeignImage.tsx";
import { useDiskReport, type TakenDisk } from "./disk-images.ts";
import { KeptImages } from "./KeptImages.tsx";
import { HELD_DISKS, type DiskOffers } from "./served-disks.ts";
import { FilePicker } from "../ui/FilePicker.tsx";

/** Lists a domain's disks and drives, one in a row. With `set`, an index one past the last adds a disk, and null removes one. */
export function DisksForm({
  rows,
  offers,
  finding,
  busy,
  set,
  onPick,
}: {
  rows: readonly DiskRow[];
  offers: DiskOffers;
  finding: Finding | undefined;
  busy: boolean;
  set: (index: number, disk: Disk | null) => void;
  /** Called when an image was chosen for the disk of that index, or for a new disk if it is null. */
  onPick: (file: File, index: number | null) => void;
}) {
  const input = useRef<HTMLInputElement>(null);
  const forRow = useRef<number | null>(null);
  const pick = (index: number | null): void => {
    forRow.current = index;
    input.current?.click();
  };
  const taken = rows.flatMap(({ value }) => value?.vdev ?? []);
  // A conversion takes its time, and other rows may come and go meanwhile.
  const latest = useRef(rows);
  latest.current = rows;
  const converted = (from: string, { path: target, format }: TakenDisk): void => {
    const index = latest.current.findIndex(({ value }) => value?.target === from && isForeign(value));
    const disk = latest.current[index]?.value;
    if (disk)
      set(index, offers.had({ ...disk, target, format, ...(!isCd(disk) && { access: "rw" }), disposable: false }));
  };
  return (
    <DeviceRows
      title="Disks"
      rows={rows}
      finding={finding}
      remove={(index) => set(index, null)}
      foot={
        <div className="button-row">
          <FilePicker input={input} label="Disk image" onPick={([file]) => onPick(file, forRow.current)} />
          <button type="button" disabled={busy} onClick={() => pick(null)}>
            <Plus size={14} aria-hidden /> Disk image…
          </button>
          <KeptImages onChoose={(image) => set(rows.length, offers.had(diskOf(image, taken)))} />
          {offers.drives && (
            <button
              type="button"
              onClick={() => set(rows.length, { ...EMPTY_DISK, vdev: freeVdev(taken), devtype: "cdrom" })}
            >
              <Disc3 size={14} aria-hidden /> Empty CD drive
            </button>
          )}
        </div>
      }
    >
      {(disk, index) => (
        <DiskFields
          key={index}
          disk={disk}
          offers={offers}
          onChange={(next) => set(index, next)}
          onPick={() => pick(index)}
          onConverted={converted}
        />
      )}
    </DeviceRows>
  );
}

function DiskFields({
  disk,
  offers,
  onChange,
  onPick,
  onConverted,
}: {
  disk: Disk;
  offers: DiskOffers;
  onChange: (disk: Disk | null) => void;
  onPick: () => void;
  /** Called with the image's path and what was made of it. */
  onConverted: (from: string, image: TakenDisk) => void;
}) {
  const isHeld = isHeldElsewhere(disk);
  const looked = useDiskReport(isHeld ? "" : disk.target, disk.format);
  const own = isHeld ? HELD_DISKS : offers;
  const cd = own.drives && isCd(disk);
  const name = `disk ${disk.vdev || "without a name"}`;
  const Icon = cd ? Disc3 : HardDrive;
  return (
    <div className="device-row" role="group" aria-label={`The ${name}`}>
      <div className="device-row-line">
        <Icon size={15} aria-hidden />
        {isHeld ? (
          <input
            className="mono"
            aria-label={`Block device of ${disk.backend} for the ${name}`}
            title={`The name that ${disk.backend}, which holds the disk, has for it`}
            placeholder="/dev/xvda"
            spellCheck={false}
            value={disk.target}
            onChange={({ target }) => onChange({ ...disk, target: target.value })}
          />
        ) : (
          <button type="button" className="file-button" title={disk.target || undefined} onClick={onPick}>
            {disk.target ? baseName(disk.target) : cd ? "No medium: choose one…" : "Choose an image…"}
          </button>
        )}
        <input
          className="mono vdev"
          aria-label={`Device name of the ${name}`}
          title="What the guest calls it"
          spellCheck={false}
          value={disk.vdev}
          onChange={({ target }) => onChange({ ...disk, vdev: target.value })}
        />
        <button type="button" aria-label={`Remove the ${name}`} onClick={() => onChange(null)}>
          Remove
        </button>
      </div>
      <DiskKind disk={disk} offers={own} onChange={onChange} />
      {disk.target && !isHeld && <DiskFacts looked={looked} />}
      {disk.target && !isHeld && isForeign(disk) && (
        <ForeignImage
          path={disk.target}
          format={disk.format}
          onConverted={(image) => onConverted(disk.target, image)}
        />
      )}
    </div>
  );
}

/** Which kind of disk it is, and what becomes of what is written to it. */
function DiskKind({ disk, offers, onChange }: { disk: Disk; offers: DiskOffers; onChange: (disk: Disk) => void }) {
  const cd = offers.drives && isCd(disk);
  const isRead = isReadOnly(disk) || isCd(disk);
  const readOnlyBecause = offers.readOnlyBecause(disk.format);
  const mustBeDisposable = readOnlyBecause !== null && offers.disposable;
  const check = (
    label: string,
    title: string,
    checked: boolean,
    change: (on: boolean) => Partial<Disk>,
    isFixed = false,
  ) => (
    <label className="check" title={title}>
      <input
        type="checkbox"
        checked={checked}
        disabled={isFixed}
        onChange={({ target }) => onChange({ ...disk, ...change(target.checked) })}
      />
      {label}
    </label>
  );
  return (
    <div className="device-row-line">
      {offers.drives &&
        check("CD-ROM", "A drive whose medium can be changed", cd, (on) => ({
          devtype: on ? "cdrom" : "",
          access: on ? "" : "rw",
          disposable: false,
        }))}
      {!cd &&
        check(
          "Read-only",
          readOnlyBecause ?? "The guest can't write to it",
          isRead,
          (on) => ({ devtype: "", access: on ? "ro" : "rw", disposable: !on && (disk.disposable || mustBeDisposable) }),
          isRead && readOnlyBecause !== null && !offers.disposable,
        )}
      {!cd &&
        !isRead &&
        offers.disposable &&
        check(
          "Disposable",
          "The image stays as it is: what the guest writes is thrown away when the domain ends",
          disk.disposable,
          (on) => ({ disposable: on }),
          disk.disposable && mustBeDisposable,
        )}
    </div>
  );
}
