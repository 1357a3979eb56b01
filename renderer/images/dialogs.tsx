/** The dialogs about images. */
import { useState } from "react";
import type { ImageCheck, ImageReport } from "../../core/api/schema.ts";
import { act, request } from "../state/session.ts";
import { Dialog } from "../ui/Dialog.tsx";
import { FormDialog } from "../ui/FormDialog.tsx";
import { NameField } from "../ui/NameField.tsx";
import { sizeText } from "../ui/units.ts";
import { bytesOf, stemOf, UNITS, type Unit } from "./words.ts";

type NewFormat = "qcow2" | "raw";
type CopyFormat = NewFormat | "vhd";
const WORDS: Record<CopyFormat, string> = {
  qcow2: "qcow2: takes the room that is written to, and can have snapshots",
  raw: "raw: the disk byte for byte, as every program reads it",
  vhd: "vhd: for Hyper-V, XenServer and others; a domain here can only read it",
};
const NEW_FORMATS = ["qcow2", "raw"] as const;
const COPY_FORMATS = ["qcow2", "raw", "vhd"] as const;

function SizeField({
  text,
  unit,
  onText,
  onUnit,
  note,
  problem,
}: {
  text: string;
  unit: Unit;
  onText: (text: string) => void;
  onUnit: (unit: Unit) => void;
  note: string;
  problem: string | null;
}) {
  return (
    <div className="field">
      <label htmlFor="image-size">Size of the disk</label>
      <span className="image-size">
        <input
          id="image-size"
          inputMode="decimal"
          value={text}
          aria-invalid={problem !== null}
          aria-describedby="image-size-note"
          onChange={({ target }) => onText(target.value)}
        />
        <select aria-label="Unit of the size" value={unit} onChange={({ target }) => onUnit(target.value as Unit)}>
          {UNITS.map(([name]) => (
            <option key={name}>{name}</option>
          ))}
        </select>
      </span>
      <span id="image-size-note" className={problem === null ? "field-hint" : "field-error"}>
        {problem ?? note}
      </span>
    </div>
  );
}

function FormatField<Format extends CopyFormat>({
  formats,
  format,
  onFormat,
}: {
  formats: readonly Format[];
  format: Format;
  onFormat: (format: Format) => void;
}) {
  return (
    <fieldset className="choice">
      <legend>Format</legend>
      {formats.map((each) => (
        <label key={each} className="check">
          <input type="radio" name="image-format" checked={format === each} onChange={() => onFormat(each)} />
          {WORDS[each]}
        </label>
      ))}
    </fieldset>
  );
}

const NAME_HINT = "It gets the ending of its format; where the name is taken, a number.";

export function NewImage({ onClose }: { onClose: () => void }) {
  const [name, setName] = useState("disk");
  const [format, setFormat] = useState<NewFormat>("qcow2");
  const [text, setText] = useState("10");
  const [unit, setUnit] = useState<Unit>("GiB");
  const bytes = bytesOf(text, unit);
  return (
    <FormDialog
      title="New disk image"
      action="Create"
      ready={name.trim() !== "" && bytes !== null}
      deed={() => request("imageCreate", { name: name.trim(), format, bytes: bytes! })}
      onClose={onClose}
    >
      <NameField value={name} onValue={setName} hint={NAME_HINT} />
      <SizeField
        text={text}
        unit={unit}
        onText={setText}
        onUnit={setUnit}
        note="It is empty, and takes next to no room until a guest writes to it."
        problem={bytes === null ? "A number above 0, as 10 or 1.5." : null}
      />
      <FormatField formats={NEW_FORMATS} format={format} onFormat={setFormat} />
    </FormDialog>
  );
}

/** Copying and converting are the same task, which continues when this dialog is closed. */
export function CopyImage({ image, onClose }: { image: ImageReport; onClose: () => void }) {
  const [name, setName] = useState(`${stemOf(image.name)}-copy`);
  const [format, setFormat] = useState<CopyFormat>(image.format === "raw" ? "raw" : "qcow2");
  const { path } = image;
  return (
    <FormDialog
      title={`Copy or convert ${image.name}`}
      action={format === image.format ? "Copy" : `Convert to ${format}`}
      ready={name.trim() !== ""}
      deed={() => void act("imageCopy", { path, name: name.trim(), format })}
      onClose={onClose}
    >
      <p className="dialog-text">
        The copy is an image of its own{image.basedOn === null ? "" : ", with what this one is based on,"} among those
        that the host keeps. {image.name} stays as it is.
      </p>
      <NameField value={name} onValue={setName} hint={NAME_HINT} />
      <FormatField formats={COPY_FORMATS} format={format} onFormat={setFormat} />
    </FormDialog>
  );
}

export function GrowImage({ image, onClose }: { image: ImageReport; onClose: () => void }) {
  const { path, size } = image;
  const [unit, setUnit] = useState<Unit>((size ?? 0) < 2 ** 30 ? "MiB" : "GiB");
  const [text, setText] = useState(() =>
    String(Math.ceil(((size ?? 0) * 2) / UNITS.find(([name]) => name === unit)![1])),
  );
  const bytes = bytesOf(text, unit);
  const problem =
    bytes === null
      ? "A number above 0, as 10 or 1.5."
      : bytes < (size ?? 0)
        ? `It has ${sizeText(size ?? 0)}. What lies behind the new end would be lost, and the file systems on it don’t know of it: it is not made smaller here.`
        : null;
  return (
    <FormDialog
      title={`Make ${image.name} larger`}
      action="Make larger"
      ready={problem === null && bytes !== size}
      deed={() => request("imageGrow", { path, bytes: bytes! })}
      onClose={onClose}
    >
      <SizeField
        text={text}
        unit={unit}
        onText={setText}
        onUnit={setUnit}
        note={`It has ${sizeText(size ?? 0)} now. Partitions and file systems on it stay as they are: a guest makes them larger.`}
        problem={problem}
      />
    </FormDialog>
  );
}

/** Shows what a check has found. */
export function CheckResult({ name, result, onClose }: { name: string; result: ImageCheck; onClose: () => void }) {
  const { tables, unreadable } = result;
  const isWrong = unreadable !== null || (tables?.errors ?? 0) > 0;
  const more = (tables?.errors ?? 0) - (tables?.findings.length ?? 0);
  return (
    <Dialog title={`Check of ${name}`} onClose={onClose}>
      <div className="dialog-text check-result">
        <p data-wrong={isWrong}>
          <strong>{isWrong ? "Something is wrong with this image." : "Nothing is wrong with this image."}</strong>
        </p>
        {unreadable !== null && <p>{unreadable}</p>}
        {tables !== null && tables.errors > 0 && (
          <>
            <p>
              Its tables have {tables.errors === 1 ? "an error" : `${tables.errors} errors`}. What is on the disk may be
              lost when a guest goes on writing: copy it first; “qemu-img check -r all” repairs what can be.
            </p>
            <ul>
              {tables.findings.map((finding, i) => (
                <li key={i}>{finding}</li>
              ))}
              {more > 0 && <li>and {more} more</li>}
            </ul>
          </>
        )}
        {tables !== null && tables.leaked > 0 && (
          <p>
            {tables.leaked === 1 ? "One cluster is" : `${tables.leaked} clusters are`} counted and used by nothing: room
            that is lost, and no harm. A copy does without.
          </p>
        )}
        {!isWrong && <p>Everything that it has can be read{tables && ", and its tables agree with its counts"}.</p>}
      </div>
      <footer className="dialog-footer">
        <button type="button" onClick={onClose} data-autofocus>
          Close
        </button>
      </footer>
    </Dialog>
  );
}
