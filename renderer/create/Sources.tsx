import { FolderOpen, Globe, Rocket } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import type { ImageSources, KeptFile } from "../../core/api/schema.ts";
import { request } from "../state/session.ts";
import { KeptKernels } from "./KeptKernels.tsx";
import { FilePicker } from "../ui/FilePicker.tsx";

/** Offers the places that a domain's files may come from. */
export function Sources({
  busy,
  onFiles,
  onBundled,
  onHostKernel,
  onKept,
  web,
  onWeb,
}: {
  busy: boolean;
  onFiles: (files: File[]) => void;
  onBundled: () => void;
  onHostKernel: (release: string) => void;
  onKept: (file: KeptFile) => void;
  /** Whether the form for addresses, and its button, are shown. */
  web: boolean;
  onWeb: () => void;
}) {
  const input = useRef<HTMLInputElement>(null);
  const [sources, setSources] = useState<ImageSources | null>(null);
  useEffect(() => {
    let current = true;
    request("imageSources", {}).then(
      (answer) => current && setSources(answer),
      () => {},
    );
    return () => {
      current = false;
    };
  }, []);
  const kernels = sources?.kernels ?? [];
  return (
    <div className="sources" role="group" aria-label="Start from">
      <span className="muted">Start from</span>
      <FilePicker input={input} multiple onPick={onFiles} />
      <button type="button" disabled={busy} onClick={() => input.current?.click()}>
        <FolderOpen size={14} aria-hidden /> Disk, kernel, RAM disk, xl.cfg…
      </button>
      <button type="button" disabled={busy} onClick={onBundled}>
        <Rocket size={14} aria-hidden /> The bundled guest
      </button>
      <button type="button" aria-expanded={web} onClick={onWeb}>
        <Globe size={14} aria-hidden /> From the web…
      </button>
      <KeptKernels busy={busy} onChoose={onKept} />
      {kernels.length > 0 ? (
        <select
          aria-label="This computer’s kernel"
          disabled={busy}
          value=""
          onChange={({ target }) => onHostKernel(target.value)}
        >
          <option value="" disabled>
            This computer’s kernel
          </option>
          {kernels.map(({ release, ramdiskSize }) => (
            <option key={release} value={release}>
              {release}
              {ramdiskSize === null ? ", no RAM disk" : ""}
            </option>
          ))}
        </select>
      ) : (
        sources?.reason && <span className="field-hint">{sources.reason}</span>
      )}
    </div>
  );
}
