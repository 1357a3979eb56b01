import "../styles/library.css";
import { FolderOpen } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import type { ArchiveLook } from "../../core/api/schema.ts";
import { plainName } from "../create/read-file.ts";
import { request, sentence } from "../state/session.ts";
import { useApp } from "../state/store.ts";
import { Dialog } from "../ui/Dialog.tsx";
import { NameField } from "../ui/NameField.tsx";
import { sizeText } from "../ui/units.ts";
import { headOf, importDomain } from "./transfer.ts";

const KINDS: Record<ArchiveLook["kind"], string> = {
  Xenarium: "A domain that Xenarium has exported",
  OVA: "An OVA: a virtual machine of another hypervisor",
  XVA: "An XVA: a virtual machine of XenServer or XCP-ng",
};

/** What a file holds, before anything is made of it; then the import is a task, which goes on when this dialog is closed. */
export function ImportDomain({ file: given, onClose }: { file: File | null; onClose: () => void }) {
  const [file, setFile] = useState(given);
  const [look, setLook] = useState<ArchiveLook | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const [name, setName] = useState("");
  const input = useRef<HTMLInputElement>(null);
  const taken = new Set(useApp((state) => state.kept).map((each) => each.name));
  // Another one may be dropped while this is asked.
  useEffect(() => setFile((before) => given ?? before), [given]);
  useEffect(() => {
    if (!file) return;
    let current = true;
    setLook(null);
    setProblem(null);
    const ask = async (): Promise<void> => {
      const found = await request("importLook", { name: plainName(file.name), head: await headOf(file) });
      if (!current) return;
      setLook(found);
      setName(freeName(found.name.trim() || "imported", taken));
    };
    ask().catch((error: unknown) => current && setProblem(sentence(error)));
    return () => {
      current = false;
    };
    // Which names are taken may change meanwhile: what was typed stays.
  }, [file]);
  const wanted = name.trim();
  const clash = taken.has(wanted) ? `There is a domain named ${wanted} already.` : null;
  return (
    <Dialog title="Import a domain" onClose={onClose}>
      <form
        className="form"
        onSubmit={(event) => {
          event.preventDefault();
          if (!file || !look || clash !== null || wanted === "") return;
          void importDomain(file, wanted);
          onClose();
        }}
      >
        <div className="import-file">
          <input
            type="file"
            accept=".tar,.ova,.xva"
            hidden
            ref={input}
            onChange={({ target }) => {
              const [chosen] = target.files ?? [];
              target.value = "";
              if (chosen) setFile(chosen);
            }}
          />
          <button type="button" data-autofocus={file ? undefined : true} onClick={() => input.current?.click()}>
            <FolderOpen size={14} aria-hidden /> {file ? "Another file…" : "Choose a file…"}
          </button>
          <span className={file ? "mono" : "muted"}>
            {file
              ? `${plainName(file.name)}, ${sizeText(file.size)}`
              : "An archive that Xenarium has exported, an OVA or an XVA."}
          </span>
        </div>
        {problem !== null && (
          <p className="field-error" role="alert">
            {problem}
          </p>
        )}
        {file && !look && problem === null && <p className="muted">Looking into the file…</p>}
        {look && <LookFacts look={look} />}
        {look && (
          <NameField
            label="Name here"
            value={name}
            onValue={setName}
            problem={clash}
            hint="It comes into the library, halted. Its disks lie among the host’s images from then on."
          />
        )}
        <footer className="dialog-footer">
          <button type="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" className="primary" disabled={!look || clash !== null || wanted === ""}>
            Import
          </button>
        </footer>
      </form>
    </Dialog>
  );
}

function LookFacts({ look: { kind, name, memoryMiB, vcpus, disks, networks, notes } }: { look: ArchiveLook }) {
  const sizes = disks.flatMap(({ bytes }) => (bytes === null ? [] : [sizeText(bytes)]));
  const facts: [string, string][] = [
    ["It is", KINDS[kind]],
    ["Called", name === "" ? "nothing" : name],
    ["Memory", memoryMiB === null ? "–" : `${Math.round(memoryMiB)} MiB`],
    ["vCPUs", vcpus === null ? "–" : String(vcpus)],
    ["Disks", `${disks.length}${sizes.length ? `: ${sizes.join(", ")}` : ""}`],
    ["Network interfaces", String(networks)],
  ];
  return (
    <div role="group" aria-label="What is in the file">
      <dl className="import-facts">
        {facts.map(([term, value]) => (
          <div key={term}>
            <dt>{term}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      {notes.map((note) => (
        <p key={note} className="field-hint">
          {note}
        </p>
      ))}
    </div>
  );
}

function freeName(name: string, taken: ReadonlySet<string>): string {
  if (!taken.has(name)) return name;
  for (let n = 2; ; n++) if (!taken.has(`${name}-${n}`)) return `${name}-${n}`;
}
