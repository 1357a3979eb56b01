import { useState, type ReactNode } from "react";
import type { ShutdownAction } from "../../core/api/schema.ts";
import type { TermId } from "../glossary/terms.ts";
import { DISK_BOOT } from "./devices.ts";
import { DEFAULTS, NATIVE, OWN_SCREEN, type FieldName, type Fields } from "./fields.ts";
import { Field, FilePick } from "./Field.tsx";
import { FileFacts } from "./FileFacts.tsx";
import type { Finding } from "./checks.ts";
import type { TakenFile } from "./intake.ts";

const ACTIONS: ShutdownAction[] = ["destroy", "restart", "rename-restart", "preserve"];
const TYPES = ["pv", "pvh", "hvm", NATIVE];
const STARTED: readonly string[] = ["pv", "pvh", NATIVE];
const ENDINGS = [
  ["onPoweroff", "On power-off"],
  ["onReboot", "On reboot"],
  ["onCrash", "On crash"],
] as const;
/** The fields whose labels are words of Xen's. */
const TERM_OF: Partial<Record<FieldName, TermId>> = { vcpus: "vcpu", cpus: "affinity", weight: "weight", cap: "cap" };
const MORE: FieldName[] = ["cpus", "weight", "cap", "onPoweroff", "onReboot", "onCrash"];

/** What all parts of the form have: the fields, what is wrong with each, and the way to change one. */
interface Form {
  fields: Fields;
  findingOf: (field: FieldName) => Finding | undefined;
  set: (field: FieldName, value: string) => void;
}
interface BootFiles {
  kernel: TakenFile | undefined;
  onPick: (file: File) => void;
}

/** Shows what people usually set, each in a field of its own. `devices` are the domain's disks and networks. */
export function FieldsForm({ kernel, devices, onPick, ...form }: Form & BootFiles & { devices: ReactNode }) {
  const { fields, findingOf, set } = form;
  const isGuest = fields.type !== NATIVE;
  return (
    <>
      <div className="field-pair field-wide-first">
        <TextField {...form} label="Name" field="name" />
        <Field label="Type" term="pv" finding={findingOf("type")}>
          {(props) => (
            <Choice
              {...props}
              title="This host starts PV and PVH guests; HVM is not there yet. A native domain is a thread of the application's, with backends for the disks and networks of others."
              value={fields.type}
              all={TYPES}
              only={STARTED}
              onChoose={(value) => set("type", value)}
            />
          )}
        </Field>
      </div>
      {isGuest && (
        <>
          <BootFields {...form} kernel={kernel} onPick={onPick} />
          <TextField
            {...form}
            label="Command line"
            field="cmdline"
            className="mono"
            hint={fields.bootloader ? "Added to what the boot menu says." : undefined}
          />
        </>
      )}
      <div className="field-pair">
        <TextField {...form} label="Memory, MiB" field="memory" />
        {isGuest && <TextField {...form} label="vCPUs" field="vcpus" />}
      </div>
      {devices}
      {isGuest && <ScreenField {...form} />}
      <MoreFields {...form} />
    </>
  );
}

/** Whether it has a screen. */
function ScreenField({ fields, findingOf, set }: Form) {
  return (
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
  );
}

/** A field of one line. */
function TextField({
  fields,
  findingOf,
  set,
  label,
  field,
  hint,
  className,
}: Form & { label: string; field: FieldName; hint?: string | undefined; className?: string }) {
  return (
    <Field label={label} term={TERM_OF[field]} finding={findingOf(field)} {...(hint !== undefined && { hint })}>
      {(props) => (
        <input
          {...props}
          className={className}
          spellCheck={false}
          autoComplete="off"
          placeholder={DEFAULTS[field]}
          value={fields[field]}
          onChange={({ target }) => set(field, target.value)}
        />
      )}
    </Field>
  );
}

/** What it boots: files that are given here, or what is on its disk. */
function BootFields({ kernel, onPick, ...form }: Form & BootFiles) {
  const { fields, findingOf, set } = form;
  return (
    <>
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
        (fields.kernel || findingOf("kernel")) && (
          <TextField
            {...form}
            label="Kernel on the disk"
            field="kernel"
            className="mono"
            hint="In place of its boot menu."
          />
        )
      )}
    </>
  );
}

/** What is seldom set: folded, unless something is wrong there. */
function MoreFields(form: Form) {
  const { fields, findingOf, set } = form;
  const [more, setMore] = useState(false);
  return (
    <details
      className="more"
      open={more || MORE.some((field) => findingOf(field) !== undefined)}
      onToggle={({ currentTarget }) => setMore(currentTarget.open)}
    >
      <summary>Scheduling, and what happens when it ends</summary>
      <div className="field-triple">
        <TextField {...form} label="pCPUs" field="cpus" hint="As 0-3,^1; all of them if empty." />
        <TextField {...form} label="Weight" field="weight" hint="256 is usual; twice that gets twice the time." />
        <TextField {...form} label="Cap, %" field="cap" hint="Of one pCPU; 0 is none." />
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
