import { Trash2 } from "lucide-react";
import { useEffect, useState } from "react";
import type { KeptFile } from "../../core/api/schema.ts";
import { useTaskStates } from "../state/journal.ts";
import { act, request } from "../state/session.ts";
import { ask, useApp } from "../state/store.ts";
import { sizeText } from "../ui/units.ts";

/** Lists the kernels and RAM disks that the host keeps, to delete those that nobody needs. Shows nothing if there are none. */
export function KeptKernels() {
  const [files, setFiles] = useState<KeptFile[]>([]);
  const isOpen = useApp(({ connection }) => connection === "open");
  // To fetch one, to delete one and to put one back are tasks.
  const tasks = useTaskStates();
  useEffect(() => {
    if (!isOpen) return;
    let current = true;
    request("keptKernels", {}).then(
      (answer) => current && setFiles(answer),
      () => {},
    );
    return () => {
      current = false;
    };
  }, [isOpen, tasks]);
  if (files.length === 0) return null;
  return (
    <section className="card" aria-label="Kernels and RAM disks">
      <header className="card-header">
        <h2>Kernels and RAM disks</h2>
        <span className="muted">Those that were fetched before. “New domain” starts from them.</span>
      </header>
      <ul className="kernel-lines">
        {files.map(({ name, path, bytes }) => (
          <li key={name}>
            <span className="mono" title={path}>
              {name}
            </span>
            <span className="muted">{sizeText(bytes)}</span>
            <button
              type="button"
              aria-label={`Delete ${name}`}
              onClick={() =>
                ask({
                  title: `Delete ${name}`,
                  text: `It goes to the bin, and can be put back for a day. Then ${sizeText(bytes)} of this computer’s disk will be free. If a domain or a snapshot starts with it, the host will refuse.`,
                  action: "Delete",
                  onConfirm: () => void act("keptKernelRemove", { name }),
                })
              }
            >
              <Trash2 size={13} aria-hidden /> Delete…
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}
