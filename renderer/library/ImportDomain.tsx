import "../styles/library.css";
import { FolderOpen } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import type { ArchiveLook } from "../../core/api/schema.ts";
import { plainName } from "../create/read-file.ts";
import { request, sentence } from "../state/session.ts";
import { FormDialog } from "../ui/FormDialog.tsx";
import { Refusal } from "../ui/Refusal.tsx";
import { FilePicker } from "../ui/FilePicker.tsx";
import { NameField } from "../ui/NameField.tsx";
import { sizeText } from "../ui/units.ts";
import { clashOf, nameLike } from "./names.ts";
import { headOf, importDomain } from "./transfer.ts";
import { useTakenNames } from "./useTakenNames.ts";

const KINDS: Record<ArchiveLook["kind"], string> = {
  Xenarium: "A domain that Xenarium has exported",
  OVA: "An OVA: a virtual machine of another hypervisor",
  XVA: "An XVA: a virtual machine of XenServer or XCP-ng",
};

/** Shows what a file holds before anything is made of it. The import itself is a task, which continues when this dialog is closed. */
export function ImportDomain({ file: given, onClose }: { file: File | null; onClose: () => void }) {
  const [file, setFile] = useState(given);
  // Another file may be dropped while this dialog is open.
  useEffect(() => setFile((before) => given ?? before), [given]);
  const [name, setName] = useState("");
  const taken = useTakenNames();
  const { look, problem } = useArchiveLook(file, (found) => {
    const called = found.name.trim() || "imported";
    setName(taken.has(called) ? nameLike(called, taken) : called);
  });
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => {
    // The field was not there when the dialog opened: it takes the focus from the button that chose the file.
    if (look && document.activeElement?.closest(".import-file")) field.current?.focus();
  }, [look]);
  const wanted = name.trim();
  const clash = clashOf(wanted, taken);
  return (
    <FormDialog
      title="Import a domain"
      action="Import"
      ready={file !== null && look !== null && clash === null && wanted !== ""}
      deed={() => void importDomain(file!, wanted)}
      onClose={onClose}
    >
      <ArchivePick file={file} onPick={setFile} />
      <Refusal text={problem} />
      {file && !look && problem === null && <p className="muted">Looking into the file…</p>}
      {look && <LookFacts look={look} />}
      {look && (
        <NameField
          label="Name here"
          input={field}
          value={name}
          onValue={setName}
          problem={clash}
          hint="It comes into the library, halted. Its disks lie among the host’s images from then on."
        />
      )}
    </FormDialog>
  );
}

/** What the host finds in the file. `onLook`: of each file once, when it is found. */
function useArchiveLook(
  file: File | null,
  onLook: (found: ArchiveLook) => void,
): { look: ArchiveLook | null; problem: string | null } {
  const [look, setLook] = useState<ArchiveLook | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  useEffect(() => {
    if (!file) return;
    let current = true;
    setLook(null);
    setProblem(null);
    const ask = async (): Promise<void> => {
      const found = await request("importLook", { name: plainName(file.name), head: await headOf(file) });
      if (!current) return;
      setLook(found);
      onLook(found);
    };
    ask().catch((error: unknown) => current && setProblem(sentence(error)));
    return () => {
      current = false;
    };
    // Which names are taken may change in the meantime, but what was typed stays.
  }, [file]);
  return { look, problem };
}

/** The file that is imported, and a way to another. */
function ArchivePick({ file, onPick }: { file: File | null; onPick: (file: File) => void }) {
  const input = useRef<HTMLInputElement>(null);
  return (
    <div className="import-file">
      <FilePicker input={input} accept=".tar,.ova,.xva" onPick={([file]) => onPick(file)} />
      <button type="button" data-autofocus={file ? undefined : true} onClick={() => input.current?.click()}>
        <FolderOpen size={14} aria-hidden /> {file ? "Another file…" : "Choose a file…"}
      </button>
      <span className={file ? "mono" : "muted"}>
        {file
          ? `${plainName(file.name)}, ${sizeText(file.size)}`
          : "An archive that Xenarium has exported, an OVA or an XVA."}
      </span>
    </div>
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
