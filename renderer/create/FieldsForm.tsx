import { useState, type ReactNode } from "react";
import type { ShutdownAction } from "../../core/api/schema.ts";
import type { TermId } from "../glossary/terms.ts";
import { DISK_BOOT } from "./devices.ts";
import { DEFAULTS, OWN_SCREEN, type FieldName, type Fields } from "./fields.ts";
import { Field, FilePick } from "./Field.tsx";
import { FileFacts } from "./FileFacts.tsx";
import type { Finding } from "./checks.ts";
import type { TakenFile } from "./intake.ts";

const ACTIONS: ShutdownAction[] = ["destroy", "restart", "rename-restart", "preserve"];
const TYPES = ["pv", "pvh", "hvm"];
const STARTED: readonly string[] = ["pv", "pvh"];
const ENDINGS = [
  ["onPoweroff", "On power-off"],
  ["onReboot", "On reboot"],
  ["onCrash", "On crash"],
] as const;
/** The fields whose labels are words of Xen's. */
const TERM_OF: Partial<Record<FieldName, TermId>> = { vcpus: "vcpu", cpus: "affinity", weight: "weight", cap: "cap" };
const MORE: FieldName[] = ["cpus", "weight", "cap", "onPoweroff", "onReboot", "onCrash"];

/** Shows what people usually set, each in a field of its own. */
export function FieldsForm({
  fields,
  findingOf,
  kernel,
  devices,
  set,
  onPick,
}: {
  fields: Fields;
  findingOf: (field: FieldName) => Finding | undefined;
  kernel: TakenFile | undefined;
  /** The domain's disks and networks. */
  devices: ReactNode;
  set: (field: FieldName, value: string) => void;
  onPick: (file: File) => void;
}) {
  const [more, setMore] = useState(false);
  const input = (label: string, field: FieldName, hint?: string, mono = false) => (
    <Field label={label} term={TERM_OF[field]} finding={findingOf(field)} {...(hint !== undefined && { hint })}>
      {(props) => (
        <input
          {...props}
          className={mono ? "mono" : undefined}
          spellCheck={false}
          autoComplete="off"
          placeholder={DEFAULTS[field]}
          value={fields[field]}
          onChange={({ target }) => set(field, target.value)}
        />
      )}
    </Field>
  );
  return (
    <>
      <div className="field-pair field-wide-first">
        {input("Name", "name")}
        <Field label="Type" term="pv" finding={findingOf("type")}>
          {(props) => (
            <Choice
              {...props}
              title="This host starts PV and PVH domains; HVM is not there yet."
              value={fields.type}
              all={TYPES}
              only={STARTED}
              onChoose={(value) => set("type", value)}
            />
          )}
        </Field>
      </div>
      <Field label="Boots" finding={findingOf("bootloader")}>
        {(props) => (
          <select {...props} value={fields.bootloader} onChange={({ target }) => set("bootloader", target.value)}>
            <option value="">a kernel that is given here</option>
            <option value={DISK_BOOT}>what is installed on its first disk</option>
            {!["", DISK_BOOT].includes(fields.bootloader) && <option>{fields.bootloader}</option>}
          </select>
        )}
      </Field>
      {fields.bootloader === "" ? (
        <>
          <Field label="Kernel" finding={findingOf("kernel")} hint="An ELF image with Xen notes, or a Linux bzImage.">
            {(props) => <FilePick {...props} name={fields.kernel} onPick={onPick} />}
          </Field>
          {kernel && <FileFacts file={kernel} />}
          <Field label="RAM disk" finding={findingOf("ramdisk")} hint="Optional.">
            {(props) => (
              <FilePick {...props} name={fields.ramdisk} onPick={onPick} onClear={() => set("ramdisk", "")} />
            )}
          </Field>
        </>
      ) : (
        (fields.kernel || findingOf("kernel")) &&
        input("Kernel on the disk", "kernel", "In place of its boot menu.", true)
      )}
      {input("Command line", "cmdline", fields.bootloader ? "Added to what the boot menu says." : undefined, true)}
      <div className="field-pair">
        {input("Memory, MiB", "memory")}
        {input("vCPUs", "vcpus")}
      </div>
      {devices}
      <Field
        label="Screen"
        finding={findingOf("screen")}
        hint="A framebuffer with keyboard and pointer, on the Display tab and for VNC viewers of this computer."
      >
        {(props) => (
          <select {...props} value={fields.screen} onChange={({ target }) => set("screen", target.value)}>
            <option value="">none, a console only</option>
            <option value="1">a framebuffer</option>
            {fields.screen === OWN_SCREEN && <option value={OWN_SCREEN}>as vfb says</option>}
          </select>
        )}
      </Field>
      <details
        className="more"
        open={more || MORE.some((field) => findingOf(field) !== undefined)}
        onToggle={({ currentTarget }) => setMore(currentTarget.open)}
      >
        <summary>Scheduling, and what happens when it ends</summary>
        <div className="field-triple">
          {input("pCPUs", "cpus", "As 0-3,^1; all of them if empty.")}
          {input("Weight", "weight", "256 is usual; twice that gets twice the time.")}
          {input("Cap, %", "cap", "Of one pCPU; 0 is none.")}
        </div>
        <div className="field-triple">
          {ENDINGS.map(([field, label]) => (
            <Field key={field} label={label} term="on-end" finding={findingOf(field)}>
              {(props) => (
                <Choice {...props} value={fields[field]} all={ACTIONS} onChoose={(value) => set(field, value)} />
              )}
            </Field>
          ))}
        </div>
      </details>
    </>
  );
}

/** The value in the text is among the choices even if it is wrong. */
function Choice({
  value,
  all,
  only,
  onChoose,
  ...props
}: {
  id: string;
  title?: string;
  value: string;
  all: readonly string[];
  /** The values that can be chosen at present. */
  only?: readonly string[];
  onChoose: (value: string) => void;
}) {
  const options = all.includes(value) ? all : [...all, value];
  return (
    <select {...props} value={value} onChange={({ target }) => onChoose(target.value)}>
      {options.map((each) => (
        <option key={each} disabled={!all.includes(each) || (only !== undefined && !only.includes(each))}>
          {each}
        </option>
      ))}
    </select>
  );
}
