import { useRef, useState } from "react";
import type { DomainInfo } from "../../core/api/schema.ts";
import { baseName, freeVdev, isForeign } from "../create/devices.ts";
import { DiskFacts } from "../create/DiskFacts.tsx";
import { ForeignImage } from "../create/ForeignImage.tsx";
import { useDiskReport } from "../create/disk-images.ts";
import { KeptImages } from "../create/KeptImages.tsx";
import { request } from "../state/session.ts";
import { toast } from "../state/store.ts";
import { FilePicker } from "../ui/FilePicker.tsx";
import { FormDialog } from "../ui/FormDialog.tsx";
import { Refusal } from "../ui/Refusal.tsx";
import { disksOfDomain, type AttachAsked, type DomainDisk } from "./attach-state.ts";
import { attachedDisk, NEW_DISK, NEW_DRIVE, possibleMode, type WriteMode } from "./attached-disk.ts";
import { useAttachedImage, type AttachedImage } from "./use-attached-image.ts";

/** Attaches an image to a running domain: as a disk, in a new drive, or in a drive that it has. What is on the image is shown before that. */
export function AttachDisk({
  domain,
  asked: { file: dropped, drive },
  onClose,
}: {
  domain: DomainInfo;
  asked: AttachAsked;
  onClose: () => void;
}) {
  const taken = useAttachedImage(dropped);
  const { image } = taken;
  const there = disksOfDomain(domain);
  const drives = there.filter(({ isDrive }) => isDrive);
  const usual = image?.isCd ? (drives[0]?.vdev ?? NEW_DRIVE) : NEW_DISK;
  const [chosen, setPlace] = useState<string | null>(drive);
  const [typed, setVdev] = useState<string | null>(null);
  const [wanted, setMode] = useState<WriteMode>({ isReadOnly: false, isDisposable: false });
  const mode = possibleMode(image, wanted);
  const place = chosen ?? usual;
  const isInsert = drives.some(({ vdev }) => vdev === place);
  const vdev = isInsert ? place : (typed ?? freeVdev(there.map((each) => each.vdev)));

  const attach = async (): Promise<void> => {
    const spec = attachedDisk(image!, place, vdev, mode);
    const args = { domid: domain.domid, key: "disk", spec, folder: "/" };
    await (isInsert ? request("mediumInsert", args) : request("deviceAttach", args));
    toast(
      "info",
      `${baseName(image!.path)} is ${isInsert ? "in the drive" : "attached as"} ${vdev} of ${domain.name}.`,
    );
  };
  return (
    <FormDialog
      title={`Attach to ${domain.name}`}
      action={isInsert ? "Insert" : "Attach"}
      className="form attach"
      ready={image !== null && taken.done === null}
      deed={attach}
      onClose={onClose}
    >
      <ImagePick taken={taken} />
      <div className="field-pair">
        <PlaceField place={place} drives={drives} onPlace={setPlace} />
        <div className="field">
          <label htmlFor="attach-vdev">Device name</label>
          <input
            id="attach-vdev"
            className="mono"
            spellCheck={false}
            disabled={isInsert}
            value={vdev}
            onChange={({ target }) => setVdev(target.value)}
          />
        </div>
      </div>
      {place === NEW_DISK && (
        <WriteModeChecks mode={mode} onMode={setMode} mustBeDisposable={image !== null && isForeign(image)} />
      )}
    </FormDialog>
  );
}

/** The image: chosen, on its way, and what is on it. */
function ImagePick({ taken: { image, done, failure, take, choose } }: { taken: AttachedImage }) {
  const input = useRef<HTMLInputElement>(null);
  const looked = useDiskReport(image?.path ?? "", image?.format ?? "");
  return (
    <>
      <FilePicker input={input} label="Disk image" onPick={([file]) => void take(file)} />
      <div className="device-row-line">
        <button type="button" className="file-button" title={image?.path} onClick={() => input.current?.click()}>
          {image ? baseName(image.path) : "Choose an image…"}
        </button>
        <KeptImages onChoose={choose} />
      </div>
      {done !== null && (
        <div className="progress">
          <label htmlFor="attach-progress">Taking the image</label>
          <progress id="attach-progress" max={1} value={done} />
        </div>
      )}
      {image && <DiskFacts looked={looked} />}
      {image && isForeign(image) && <ForeignImage path={image.path} format={image.format} onConverted={choose} />}
      <Refusal text={failure} />
    </>
  );
}

/** As what it comes. */
function PlaceField({
  place,
  drives,
  onPlace,
}: {
  place: string;
  drives: readonly DomainDisk[];
  onPlace: (place: string) => void;
}) {
  return (
    <div className="field">
      <label htmlFor="attach-place">As</label>
      <select id="attach-place" value={place} onChange={({ target }) => onPlace(target.value)}>
        <option value={NEW_DISK}>a disk</option>
        <option value={NEW_DRIVE}>a CD in a new drive</option>
        {drives.map(({ vdev, image: medium }) => (
          <option key={vdev} value={vdev}>
            the medium in {vdev}
            {medium && `, in place of ${baseName(medium)}`}
          </option>
        ))}
      </select>
    </div>
  );
}

/** What becomes of what the guest writes to a disk. */
function WriteModeChecks({
  mode,
  onMode,
  mustBeDisposable,
}: {
  mode: WriteMode;
  onMode: (mode: WriteMode) => void;
  /** The image itself can't be written. */
  mustBeDisposable: boolean;
}) {
  return (
    <div className="button-row">
      <label className="check">
        <input
          type="checkbox"
          checked={mode.isReadOnly}
          onChange={({ target }) =>
            onMode({ isReadOnly: target.checked, isDisposable: mode.isDisposable || mustBeDisposable })
          }
        />
        Read-only
      </label>
      {!mode.isReadOnly && (
        <label className="check" title="What the guest writes is thrown away when the disk is detached">
          <input
            type="checkbox"
            checked={mode.isDisposable}
            disabled={mustBeDisposable}
            onChange={({ target }) => onMode({ ...mode, isDisposable: target.checked })}
          />
          Disposable: the image stays as it is
        </label>
      )}
    </div>
  );
}
