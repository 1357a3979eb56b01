import { useEffect, useRef, useState } from "react";
import type { ConfigDiagnostic, ShutdownAction } from "../../core/api/schema.ts";
import { ApiError } from "../../core/api/client.ts";
import { request, sentence } from "../state/session.ts";
import { show, toast, useApp } from "../state/store.ts";
import { Dialog } from "../ui/Dialog.tsx";
import { configOf, EMPTY, FIELD_OF_KEY, fieldsOf, type Fields } from "./config-text.ts";
import { FileFacts } from "./FileFacts.tsx";
import { takeFiles, type TakenFile } from "./intake.ts";

const ACTIONS: ShutdownAction[] = ["destroy", "restart", "rename-restart", "preserve"];
const LINUX_CONSOLE = "console=hvc0";

/** A file name as a domain's name. */
function nameFrom(file: string, taken: Set<string>): string {
  const base =
    file
      .replace(/^vmlinuz-?/, "linux-")
      .replace(/\.(elf|bin|gz|img|cfg)$/i, "")
      .replace(/[^\w.+-]/g, "-")
      .slice(0, 40)
      .replace(/^-+|-+$/g, "") || "guest";
  if (!taken.has(base)) return base;
  for (let n = 2; ; n++) if (!taken.has(`${base}-${n}`)) return `${base}-${n}`;
}

export function NewDomain({ files, onClose }: { files: File[]; onClose: () => void }) {
  const domains = useApp((state) => state.domains);
  const [fields, setFields] = useState<Fields>(EMPTY);
  const [taken, setTaken] = useState<TakenFile[]>([]);
  const [refused, setRefused] = useState<string[]>([]);
  const [errors, setErrors] = useState<Partial<Record<keyof Fields | "other", string>>>({});
  const [progress, setProgress] = useState<number | null>(null);
  const [creating, setCreating] = useState(false);
  const abort = useRef(new AbortController());
  const set = (change: Partial<Fields>): void => setFields((before) => ({ ...before, ...change }));
  const names = new Set(domains.map(({ name }) => name));

  const take = async (chosen: File[]): Promise<void> => {
    setProgress(0);
    setErrors({});
    try {
      const result = await takeFiles(chosen, setProgress, abort.current.signal);
      setRefused(result.refused);
      setTaken((before) => [...before, ...result.files]);
      const kernel = result.files.find(({ description }) => description.bootable);
      const ramdisk = result.files.find(({ description }) => !description.bootable && description.ramdisk);
      if (result.config) {
        const parsed = await request("parseConfig", { config: result.config.text, configName: result.config.name });
        report(parsed.diagnostics);
        if (parsed.config) setFields(fieldsOf(parsed.config));
      }
      setFields((before) => ({
        ...before,
        ...(kernel && {
          kernel: kernel.name,
          name: before.name || nameFrom(kernel.name, names),
          // Linux shows nothing on the PV console unless it is told to.
          cmdline: before.cmdline || (kernel.description.kind === "bzimage" ? LINUX_CONSOLE : ""),
        }),
        ...(ramdisk && { ramdisk: ramdisk.name }),
      }));
    } catch (error) {
      if (!abort.current.signal.aborted) setErrors({ other: sentence(error) });
    } finally {
      setProgress(null);
    }
  };

  const report = (diagnostics: ConfigDiagnostic[]): void => {
    const found: typeof errors = {};
    for (const { severity, key, message } of diagnostics) {
      if (severity !== "error") continue;
      const field = (key && FIELD_OF_KEY[key]) || "other";
      found[field] ??= message;
    }
    setErrors(found);
  };

  useEffect(() => {
    const controller = new AbortController();
    abort.current = controller;
    // Deferred, so that a mount that is undone at once (React's strict mode) sends nothing.
    const timer = files.length ? setTimeout(() => void take(files), 0) : undefined;
    return () => {
      clearTimeout(timer);
      controller.abort();
    };
  }, []);

  const create = async (): Promise<void> => {
    const config = configOf(fields);
    setErrors({});
    setCreating(true);
    try {
      const parsed = await request("parseConfig", { config });
      if (!parsed.config) {
        report(parsed.diagnostics);
        return;
      }
      const given = Object.fromEntries(taken.map(({ name, id }) => [name, id]));
      const { domid, warnings } = await request("create", { config, configName: "New domain", files: given });
      for (const { message } of warnings) toast("warning", message);
      for (const { id } of taken) void request("fileRelease", { file: id }).catch(() => {});
      onClose();
      show({ page: "domain", domid, tab: "console" });
    } catch (error) {
      if (error instanceof ApiError && error.diagnostics.length) report(error.diagnostics);
      else setErrors({ other: sentence(error) });
    } finally {
      setCreating(false);
    }
  };

  const cancel = (): void => {
    abort.current.abort();
    for (const { id } of taken) void request("fileRelease", { file: id }).catch(() => {});
    onClose();
  };

  const kernel = taken.find(({ name }) => name === fields.kernel);
  const ready = progress === null && fields.kernel !== "" && fields.name !== "" && !creating;
  return (
    <Dialog title="New domain" onClose={cancel} wide>
      <form
        className="form"
        onSubmit={(event) => {
          event.preventDefault();
          if (ready) void create();
        }}
      >
        {progress !== null && (
          <label className="progress">
            Reading files <progress max={1} value={progress} />
          </label>
        )}
        {refused.map((text) => (
          <p key={text} className="field-error" role="alert">
            {text}
          </p>
        ))}
        {errors.other && (
          <p className="field-error" role="alert">
            {errors.other}
          </p>
        )}
        <Field label="Name" error={errors.name}>
          {(props) => <input {...props} value={fields.name} onChange={({ target }) => set({ name: target.value })} />}
        </Field>
        <Field label="Kernel" error={errors.kernel} hint="An ELF image with Xen notes, or a Linux bzImage.">
          {(props) => <FilePick {...props} name={fields.kernel} onPick={(file) => void take([file])} />}
        </Field>
        {kernel && <FileFacts file={kernel} />}
        <Field label="RAM disk" error={errors.ramdisk} hint="Optional.">
          {(props) => (
            <FilePick
              {...props}
              name={fields.ramdisk}
              onPick={(file) => void take([file])}
              onClear={() => set({ ramdisk: "" })}
            />
          )}
        </Field>
        <Field label="Command line" error={errors.cmdline}>
          {(props) => (
            <input
              {...props}
              className="mono"
              spellCheck={false}
              value={fields.cmdline}
              onChange={({ target }) => set({ cmdline: target.value })}
            />
          )}
        </Field>
        <div className="field-pair">
          <Field label="Memory, MiB" error={errors.memory}>
            {(props) => (
              <input
                {...props}
                inputMode="numeric"
                value={fields.memory}
                onChange={({ target }) => set({ memory: target.value })}
              />
            )}
          </Field>
          <Field label="vCPUs" error={errors.vcpus}>
            {(props) => (
              <input
                {...props}
                inputMode="numeric"
                value={fields.vcpus}
                onChange={({ target }) => set({ vcpus: target.value })}
              />
            )}
          </Field>
        </div>
        <details className="more">
          <summary>Scheduling, and what happens when it ends</summary>
          <div className="field-pair">
            <Field label="Weight" error={errors.weight} hint="256 is usual; twice as much gets twice the time.">
              {(props) => (
                <input {...props} value={fields.weight} onChange={({ target }) => set({ weight: target.value })} />
              )}
            </Field>
            <Field label="Cap, %" error={errors.cap} hint="Of one pCPU; 0 is none.">
              {(props) => <input {...props} value={fields.cap} onChange={({ target }) => set({ cap: target.value })} />}
            </Field>
          </div>
          <div className="field-triple">
            {(
              [
                ["onPoweroff", "On power-off"],
                ["onReboot", "On reboot"],
                ["onCrash", "On crash"],
              ] as const
            ).map(([key, label]) => (
              <Field key={key} label={label} error={errors[key]}>
                {(props) => (
                  <select
                    {...props}
                    value={fields[key]}
                    onChange={({ target }) => set({ [key]: target.value as ShutdownAction })}
                  >
                    {ACTIONS.map((action) => (
                      <option key={action}>{action}</option>
                    ))}
                  </select>
                )}
              </Field>
            ))}
          </div>
        </details>
        <footer className="dialog-footer">
          <button type="button" onClick={cancel}>
            Cancel
          </button>
          <button type="submit" className="primary" disabled={!ready}>
            {creating ? "Creating…" : "Create"}
          </button>
        </footer>
      </form>
    </Dialog>
  );
}

interface ControlProps {
  id: string;
  "aria-invalid": boolean;
  "aria-describedby": string | undefined;
}

function Field({
  label,
  error,
  hint,
  children,
}: {
  label: string;
  error?: string | undefined;
  hint?: string;
  children: (props: ControlProps) => React.ReactNode;
}) {
  const id = `field-${label.toLowerCase().replace(/\W+/g, "-")}`;
  const note = error ?? hint;
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      {children({ id, "aria-invalid": error !== undefined, "aria-describedby": note ? `${id}-note` : undefined })}
      {note && (
        <span id={`${id}-note`} className={error ? "field-error" : "field-hint"} role={error ? "alert" : undefined}>
          {note}
        </span>
      )}
    </div>
  );
}

function FilePick({
  name,
  onPick,
  onClear,
  ...props
}: ControlProps & { name: string; onPick: (file: File) => void; onClear?: () => void }) {
  const input = useRef<HTMLInputElement>(null);
  return (
    <div className="file-pick">
      <input
        type="file"
        ref={input}
        hidden
        onChange={({ target }) => {
          const file = target.files?.[0];
          if (file) onPick(file);
          target.value = "";
        }}
      />
      <button {...props} type="button" className="file-button" onClick={() => input.current?.click()}>
        {name || "Choose a file…"}
      </button>
      {name && onClear && (
        <button type="button" onClick={onClear}>
          Remove
        </button>
      )}
    </div>
  );
}
