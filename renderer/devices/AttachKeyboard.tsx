import { useState } from "react";
import type { DomainInfo } from "../../core/api/schema.ts";
import { request } from "../state/session.ts";
import { toast } from "../state/store.ts";
import { FormDialog } from "../ui/FormDialog.tsx";

/** What each choice asks for in xl.cfg's `vkb`. */
const PARTS = [
  { value: "", label: "a keyboard and a pointer" },
  { value: "feature-disable-pointer=1", label: "a keyboard only" },
  { value: "feature-disable-keyboard=1", label: "a pointer only" },
];
const MOVES = [
  { value: "", label: "to where you point" },
  { value: "feature-abs-pointer=0", label: "as the mouse moves" },
];

/** Attaches a virtual keyboard and pointer to a running domain, as xl vkb-attach does. */
export function AttachKeyboard({ domain, onClose }: { domain: DomainInfo; onClose: () => void }) {
  const [part, setPart] = useState("");
  const [move, setMove] = useState("");
  const hasPointer = part !== "feature-disable-pointer=1";
  const hasScreen = domain.config?.devices.some(({ kind }) => kind === "vfb") ?? false;
  const attach = async (): Promise<void> => {
    const spec = ["backend-type=qemu", part, hasPointer ? move : ""].filter(Boolean).join(",");
    const { id } = await request("deviceAttach", { domid: domain.domid, key: "vkb", spec, folder: "/" });
    toast("info", `${domain.name} has the keyboard ${id}.`);
  };
  return (
    <FormDialog
      title={`Attach a keyboard to ${domain.name}`}
      action="Attach"
      className="form attach"
      ready
      deed={attach}
      onClose={onClose}
    >
      <div className="field-pair">
        <Choice id="attach-part" label="What" all={PARTS} value={part} onChoose={setPart} />
        <Choice
          id="attach-move"
          label="The pointer moves"
          all={MOVES}
          value={move}
          isDisabled={!hasPointer}
          onChoose={setMove}
        />
      </div>
      <p className="field-hint">
        {hasScreen
          ? "What is typed and pointed at on the Display tab and in VNC viewers goes to each of its keyboards."
          : "It has no screen: nothing is typed for its keyboard until it has one, which its configuration (vfb) gives it at its next start."}
      </p>
    </FormDialog>
  );
}

function Choice({
  id,
  label,
  all,
  value,
  isDisabled = false,
  onChoose,
}: {
  id: string;
  label: string;
  all: readonly { value: string; label: string }[];
  value: string;
  isDisabled?: boolean;
  onChoose: (value: string) => void;
}) {
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <select id={id} value={value} disabled={isDisabled} onChange={({ target }) => onChoose(target.value)}>
        {all.map((each) => (
          <option key={each.value} value={each.value}>
            {each.label}
          </option>
        ))}
      </select>
    </div>
  );
}
