import { useEffect, useRef, useState } from "react";
import { ApiError } from "../../core/api/client.ts";
import type { Fetched, TakenImage } from "../../core/api/schema.ts";
import { isCancel, request, sentence } from "../state/session.ts";
import { show, useApp } from "../state/store.ts";
import { Dialog } from "../ui/Dialog.tsx";
import type { Finding } from "./checks.ts";
import { Choice } from "./Choice.tsx";
import { disksOf, foldersOf, vifsOf, withDisk, withFolder, withVif } from "./devices.ts";
import type { TakenDisk } from "./disk-images.ts";
import { DisksForm } from "./DisksForm.tsx";
import { FoldersForm } from "./FoldersForm.tsx";
import { VifsForm } from "./VifsForm.tsx";
import { ConfigEditor } from "./ConfigEditor.tsx";
import { idOf } from "./Field.tsx";
import { FieldsForm } from "./FieldsForm.tsx";
import { NEW_CONFIG, withField, type FieldName } from "./fields.ts";
import { withDisks, withFiles } from "./filled.ts";
import { plainName, releaseFiles, takeFiles, unlessAborted, type Progress, type TakenFile } from "./intake.ts";
import { FromWeb } from "../fetch/FromWeb.tsx";
import { Sources } from "./Sources.tsx";
import { useChecked } from "./useChecked.ts";
import { say } from "../state/messages.ts";

/** Once the controls are drawn with what is wrong with them. */
function focusWrong(): void {
  setTimeout(() => document.querySelector<HTMLElement>('.create [aria-invalid="true"]')?.focus(), 0);
}

/** A domain from files, an xl.cfg, the bundled guest or this computer's kernel. Its xl.cfg is what counts; fields read and write it. */
export function NewDomain({ files, onClose }: { files: File[]; onClose: () => void }) {
  const domains = useApp((state) => state.domains);
  const [text, setText] = useState(NEW_CONFIG);
  const [given, setGiven] = useState<TakenFile[]>([]);
  const [refused, setRefused] = useState<string[]>([]);
  const [failure, setFailure] = useState<string | null>(null);
  const [touched, setTouched] = useState<ReadonlySet<FieldName>>(new Set());
  const [reading, setReading] = useState<{ done: number | null; what: string } | null>(null);
  const [creating, setCreating] = useState(false);
  const [web, setWeb] = useState(false);
  const abort = useRef(new AbortController());
  const kept = useRef<TakenFile[]>([]);
  const names = new Set(domains.map(({ name }) => name));
  const { parsed, fields, findings: all, prevents, tell } = useChecked(text, given);
  const disks = disksOf(parsed);
  const vifs = vifsOf(parsed);
  const folders = foldersOf(parsed);

  // What is missing is no error before anybody came to it.
  const isUntouched = ({ field }: Finding): boolean =>
    field !== null &&
    field !== "disk" &&
    field !== "vif" &&
    field !== "p9" &&
    !touched.has(field) &&
    fields[field] === "";
  const findings = all.filter((each) => !isUntouched(each));
  const edit = (change: (before: string) => string): void => {
    setFailure(null);
    setText(change);
  };
  const set = (field: FieldName, value: string): void => {
    setTouched((before) => new Set([...before, field]));
    edit((before) => withField(before, field, value));
  };

  /** Puts files that the host has now into the config. */
  const use = (taken: TakenFile[]): void => {
    kept.current = [...kept.current, ...taken];
    setGiven(kept.current);
    edit((before) => withFiles(before, taken, names));
  };

  /** Adds disks, or puts the first of them in the place of the one that stands there. */
  const useDisks = (taken: TakenDisk[], at: number | null = null): void =>
    edit((before) => withDisks(before, taken, at, names));

  /** What comes from somewhere, as a task: its failure is told, and it can be ended here and among the tasks. */
  const intake = async (
    what: string,
    work: (progress: Progress, signal: AbortSignal) => Promise<void>,
  ): Promise<void> => {
    const controller = new AbortController();
    abort.current = controller;
    const { signal } = controller;
    const progress: Progress = (done, file) => setReading({ done, what: file });
    setReading({ done: 0, what });
    setFailure(null);
    setRefused([]);
    try {
      await work(progress, signal);
    } catch (error) {
      if (!signal.aborted && !isCancel(error)) setFailure(sentence(error));
    } finally {
      setReading(null);
    }
  };
  const take = (chosen: File[], forDisk: number | null = null): Promise<void> =>
    intake(chosen.map(({ name }) => plainName(name)).join(", "), async (progress, signal) => {
      const result = await takeFiles(chosen, progress, signal);
      setRefused(result.refused);
      if (result.config) {
        const { text: config } = result.config;
        edit(() => config);
      }
      use(result.files);
      useDisks(result.disks, forDisk);
    });
  const takeImages = async (images: TakenImage[], progress: Progress, signal: AbortSignal): Promise<void> => {
    const taken: TakenFile[] = [];
    try {
      for (const { name, size, file } of images) {
        progress(null, name);
        const description = await unlessAborted(request("fileInspect", { file }), signal);
        taken.push({ name, size, id: file, description });
      }
    } catch (error) {
      for (const { file } of images) void request("fileRelease", { file }).catch(() => {});
      throw error;
    }
    use(taken);
  };
  const takeBundled = (): Promise<void> =>
    intake("the bundled guest", async (progress, signal) => {
      const { config, files: images } = await request("takeBundled", {});
      if (text === NEW_CONFIG) edit(() => config);
      await takeImages(images, progress, signal);
    });
  const takeHostKernel = (release: string): Promise<void> =>
    intake(`this computer’s kernel ${release}`, async (progress, signal) => {
      progress(null, release);
      const { files: images } = await request("takeHostKernel", { release });
      if (images.length === 1) edit((before) => withField(before, "ramdisk", ""));
      await takeImages(images, progress, signal);
    });
  /** A kernel or RAM disk that the host keeps: it stands in the config as it lies there. */
  const takeKept = (name: string, path: string, size: number): Promise<void> =>
    intake(name, async (progress, signal) => {
      progress(null, name);
      const description = await unlessAborted(request("keptKernelInspect", { name }), signal);
      const { bootable, ramdisk, reason, summary } = description;
      if (!bootable && !ramdisk) setRefused([`${name}: ${reason ?? summary}`]);
      else use([{ name: path, size, id: null, description }]);
    });
  const takeFetched = async ({ name, path, bytes, kind }: Fetched): Promise<void> => {
    if (kind !== "disk") return takeKept(name, path, bytes);
    try {
      const { format, isCd } = await request("inspectDisk", { path });
      useDisks([{ name, path, format, isCd }]);
    } catch (error) {
      setFailure(sentence(error));
    }
  };

  useEffect(() => {
    document.getElementById(idOf("Name"))?.focus();
    // Deferred, so that a mount that is undone at once (React's strict mode) sends nothing.
    const timer = files.length ? setTimeout(() => void take(files), 0) : undefined;
    return () => {
      clearTimeout(timer);
      abort.current.abort();
    };
  }, []);

  const release = (): void => {
    releaseFiles(kept.current);
  };
  const create = async (): Promise<void> => {
    setTouched(new Set(Object.keys(fields) as FieldName[]));
    if (prevents) {
      focusWrong();
      return;
    }
    setFailure(null);
    setCreating(true);
    try {
      const config = { config: text, configName: "New domain" };
      const { domid, warnings } = await request("create", {
        ...config,
        files: Object.fromEntries(given.flatMap(({ name, id }) => (id === null ? [] : [[name, id]]))),
      });
      for (const { message } of warnings) say("warning", message);
      release();
      onClose();
      show({ page: "domain", domid, tab: "console" });
    } catch (error) {
      if (error instanceof ApiError && error.diagnostics.length) {
        tell(error.diagnostics);
        focusWrong();
      } else setFailure(sentence(error));
    } finally {
      setCreating(false);
    }
  };
  const cancel = (): void => {
    abort.current.abort();
    if (creating) void request("createCancel", { name: fields.name }).catch(() => {});
    release();
    onClose();
  };

  const busy = reading !== null || creating;
  return (
    <Dialog title="New domain" onClose={cancel} wide>
      <form
        className="form create"
        onSubmit={(event) => {
          event.preventDefault();
          if (!busy) void create();
        }}
        onKeyDown={(event) => {
          // In the text, Enter is a line.
          if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
          event.preventDefault();
          if (!busy) void create();
        }}
      >
        <Sources
          busy={busy}
          onFiles={(chosen) => void take(chosen)}
          onBundled={() => void takeBundled()}
          onHostKernel={(each) => void takeHostKernel(each)}
          onKept={({ name, path, bytes }) => void takeKept(name, path, bytes)}
          web={web}
          onWeb={() => setWeb(!web)}
        />
        {web && <FromWeb onFetched={(fetched) => void takeFetched(fetched)} />}
        {reading !== null && (
          <div className="progress">
            <label htmlFor="create-progress">
              {reading.done === null ? "Looking into" : "Reading"} {reading.what}
            </label>
            <progress id="create-progress" max={1} value={reading.done ?? undefined} />
            <button type="button" onClick={() => abort.current.abort()}>
              Stop
            </button>
          </div>
        )}
        {[...refused, ...(failure === null ? [] : [failure])].map((each) => (
          <p key={each} className="field-error" role="alert">
            {each}
          </p>
        ))}
        <Choice
          part="kernel"
          files={given.filter(({ description }) => description.bootable)}
          chosen={fields.kernel}
          onChoose={(name) => set("kernel", name)}
        />
        <Choice
          part="RAM disk"
          files={given.filter(({ description }) => !description.bootable && description.ramdisk)}
          chosen={fields.ramdisk}
          onChoose={(name) => set("ramdisk", name)}
        />
        <div className="create-halves">
          <div className="create-fields">
            <FieldsForm
              fields={fields}
              findingOf={(field) => findings.find((each) => each.field === field)}
              kernel={given.findLast(({ name }) => name === fields.kernel)}
              devices={
                <>
                  <DisksForm
                    rows={disks}
                    finding={findings.find(({ field }) => field === "disk")}
                    busy={busy}
                    set={(index, disk) => edit((before) => withDisk(before, index, disk))}
                    onPick={(file, index) => void take([file], index)}
                  />
                  <VifsForm
                    rows={vifs}
                    finding={findings.find(({ field }) => field === "vif")}
                    set={(index, vif) => edit((before) => withVif(before, index, vif))}
                  />
                  <FoldersForm
                    rows={folders}
                    finding={findings.find(({ field }) => field === "p9")}
                    set={(index, folder) => edit((before) => withFolder(before, index, folder))}
                  />
                </>
              }
              set={set}
              onPick={(file) => void take([file])}
            />
          </div>
          <ConfigEditor
            text={text}
            findings={findings}
            missing={[
              ...(fields.name ? [] : ["name"]),
              ...(fields.kernel || fields.bootloader ? [] : ["kernel, or a disk to boot from"]),
            ]}
            fileName={fields.name}
            onChange={(next) => edit(() => next)}
          />
        </div>
        <footer className="dialog-footer">
          <button type="button" onClick={cancel}>
            Cancel
          </button>
          <button
            type="submit"
            className="primary"
            disabled={busy || !(fields.kernel || fields.bootloader) || !fields.name}
          >
            {creating ? "Creating…" : "Create"}
          </button>
        </footer>
      </form>
    </Dialog>
  );
}
