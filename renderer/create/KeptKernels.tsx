import { useEffect, useState } from "react";
import type { KeptFile } from "../../core/api/schema.ts";
import { request } from "../state/session.ts";
import { sizeText } from "../ui/units.ts";

/** Lists the kernels and RAM disks that the host keeps, to choose one from. Shows nothing if there are none. */
export function KeptKernels({ busy, onChoose }: { busy: boolean; onChoose: (file: KeptFile) => void }) {
  const [files, setFiles] = useState<KeptFile[]>([]);
  useEffect(() => {
    let current = true;
    request("keptKernels", {}).then(
      (answer) => current && setFiles(answer),
      () => {},
    );
    return () => {
      current = false;
    };
  }, []);
  if (files.length === 0) return null;
  return (
    <select
      aria-label="A kernel or RAM disk that was fetched before"
      disabled={busy}
      value=""
      onChange={({ target }) => {
        const file = files.find(({ name }) => name === target.value);
        if (file) onChoose(file);
      }}
    >
      <option value="" disabled>
        Fetched before…
      </option>
      {files.map(({ name, bytes }) => (
        <option key={name} value={name}>
          {name}, {sizeText(bytes)}
        </option>
      ))}
    </select>
  );
}
