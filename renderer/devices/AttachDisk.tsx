import { useEffect, useRef, useState } from "react";
import { writeDisk } from "../../core/api/device-text.ts";
import type { DomainInfo } from "../../core/api/schema.ts";
import { EMPTY_DISK, freeVdev, baseName } from "../create/devices.ts";
import { DiskFacts } from "../create/DiskFacts.tsx";
import { diskIn, takeDisk, useDiskReport, type TakenDisk } from "../create/disk-images.ts";
import { plainName } from "../create/read-file.ts";
import { KeptImages } from "../create/KeptImages.tsx";
import { isCancel, request, sentence } from "../state/session.ts";
import { toast } from "../state/store.ts";
import { Dialog } from "../ui/Dialog.tsx";
import { disksOfDomain, type AttachAsked } from "./attach-state.ts";

const NEW_DISK = "disk";
const NEW_DRIVE = "drive";

/** An image for a domain that runs: as a disk, in a new drive, or in a drive that it has. What is on it is shown before. */
export function AttachDisk({
  domain,
  asked: { file: dropped, drive },
  onClose,
}: {
  domain: DomainInfo;
  asked: AttachAsked;
  onClose: () => void;
}) {
  const { image, done, failure, take, choose } = useImage(dropped);
  const there = disksOfDomain(domain);
  const drives = there.filter(({ isCd }) => isCd);
  const usual = image?.isCd ? (drives[0]?.vdev ?? NEW_DRIVE) : NEW_DISK;
  const [chosenPlace, setPlace] = useState<string | null>(drive);
  const [typed, setVdev] = useState<string | null>(null);
  const [isReadOnly, setReadOnly] = useState(false);
  const [isDisposable, setDisposable] = useState(false);
  const [refusal, setRefusal] = useState<string | null>(null);
  const [isBusy, setBusy] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  const looked = useDiskReport(image?.path ?? "", image?.format ?? "");
  const place = chosenPlace ?? usual;
  const isInsert = drives.some(({ vdev }) => vdev === place);
  const vdev = isInsert ? place : (typed ?? freeVdev(there.map((each) => each.vdev)));

  const attach = async (): Promise<void> => {
    if (!image) return;
    const base = { ...EMPTY_DISK, target: image.path, format: image.format, vdev };
    const disk =
      place === NEW_DISK
        ? { ...base, access: isReadOnly ? "ro" : "rw", disposable: isDisposable && !isReadOnly }
        : { ...base, devtype: "cdrom" };
    const args = { domid: domain.domid, key: "disk", spec: writeDisk(disk), folder: "/" };
    setBusy(true);
    setRefusal(null);
    try {
      await (isInsert ? request("mediumInsert", args) : request("deviceAttach", args));
      toast(
        "info",
        `${baseName(image.path)} is ${isInsert ? "in the drive" : "attached as"} ${vdev} of ${domain.name}.`,
      );
      onClose();
    } catch (error) {
      setRefusal(sentence(error));
    } finally {
      setBusy(false);
    }
  };
  const problem = failure ?? refusal;
  return (
    <Dialog title={`Attach to ${domain.name}`} onClose={onClose}>
      <form
        className="form attach"
        onSubmit={(event) => {
          event.preventDefault();
          void attach();
        }}
      >
        <input
          type="file"
          ref={input}
          hidden
          aria-label="Disk image"
          onChange={({ target }) => {
            const file = target.files?.[0];
            target.value = "";
            if (file) void take(file);
          }}
        />
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
        {problem !== null && (
          <p className="field-error" role="alert">
            {problem}
          </p>
        )}
        <div className="field-pair">
          <div className="field">
            <label htmlFor="attach-place">As</label>
            <select id="attach-place" value={place} onChange={({ target }) => setPlace(target.value)}>
              <option value={NEW_DISK}>a disk</option>
              <option value={NEW_DRIVE}>a CD in a new drive</option>
              {drives.map(({ vdev: name, image: medium }) => (
                <option key={name} value={name}>
                  the medium in {name}
                  {medium && `, in place of ${baseName(medium)}`}
                </option>
              ))}
            </select>
          </div>
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
          <div className="button-row">
            <label className="check">
              <input type="checkbox" checked={isReadOnly} onChange={({ target }) => setReadOnly(target.checked)} />
              Read-only
            </label>
            {!isReadOnly && (
              <label className="check" title="What the guest writes is thrown away when the disk is detached">
                <input
                  type="checkbox"
                  checked={isDisposable}
                  onChange={({ target }) => setDisposable(target.checked)}
                />
                Disposable: the image stays as it is
              </label>
            )}
          </div>
        )}
        <footer className="dialog-footer">
          <button type="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" className="primary" disabled={!image || isBusy || done !== null}>
            {isInsert ? "Insert" : "Attach"}
          </button>
        </footer>
      </form>
    </Dialog>
  );
}

/** The image that is to be attached: one that was dropped is taken at once. */
function useImage(dropped: File | null) {
  const [image, setImage] = useState<TakenDisk | null>(null);
  const [done, setDone] = useState<number | null>(null);
  const [failure, setFailure] = useState<string | null>(null);
  const abort = useRef(new AbortController());
  const take = async (file: File): Promise<void> => {
    const { signal } = (abort.current = new AbortController());
    setFailure(null);
    setImage(null);
    try {
      const name = plainName(file.name);
      const sniffed = await diskIn(file, name);
      if (!sniffed) throw new Error(`${name} is no disk image: disks are raw or qcow2 images, CDs are ISO images.`);
      setDone(0);
      setImage(await takeDisk(file, name, sniffed, setDone, signal));
    } catch (error) {
      if (!signal.aborted && !isCancel(error)) setFailure(sentence(error));
    } finally {
      setDone(null);
    }
  };
  useEffect(() => {
    // Deferred, so that a mount that is undone at once (React's strict mode) sends nothing.
    const timer = dropped ? setTimeout(() => void take(dropped), 0) : undefined;
    return () => {
      clearTimeout(timer);
      abort.current.abort();
    };
  }, []);
  return { image, done, failure, take, choose: (chosen: TakenDisk) => setImage(chosen) };
}
