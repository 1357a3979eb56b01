/** Parts that the sections share. */
import { createContext, use, useEffect, useState } from "react";
import type { FlagsValue, FrameFacts } from "../../core/api/schema.ts";
import { request, sentence } from "../state/session.ts";
import { addressOf, showFrame, showMemory } from "./state.ts";

/** Says why there is nothing to show, or that the answer is still to come. */
export function Waiting({ error }: { error: string | null }) {
  return (
    <p className="page-empty" role="status">
      {error ?? "Reading…"}
    </p>
  );
}

/** What following an address does. It is null where the memory that the addresses name is gone. */
export const AddressesLead = createContext<((address: string) => void) | null>(showMemory);

/** A number that may be an address. It leads to the memory there, if there is any. */
export function AddressButton({ value, text }: { value: string; text?: string }) {
  const lead = use(AddressesLead);
  if (!lead) return <span className="mono address">{text ?? value.slice(2)}</span>;
  return (
    <button type="button" className="plain mono address" title={`Memory at ${value}`} onClick={() => lead(value)}>
      {text ?? value.slice(2)}
    </button>
  );
}

/** Leads to the facts about the frame. */
export function FrameButton({ mfn }: { mfn: number }) {
  return (
    <button type="button" className="plain mono address" title={`What frame ${mfn} is`} onClick={() => showFrame(mfn)}>
      {mfn}
    </button>
  );
}

/** Lists the names of the bits that are set. */
export function Flags({ flags }: { flags: readonly { name: string; meaning?: string }[] }) {
  return (
    <span className="flags">
      {flags.map(({ name, meaning }) => (
        <span key={name} className="flag" title={meaning}>
          {name}
        </span>
      ))}
    </span>
  );
}

/** A register whose bits have names: those that are set. */
export function FlagsRow({ register: { name, value, set } }: { register: FlagsValue }) {
  return (
    <div className="flags-row">
      <span className="flags-name">{name}</span>
      <AddressButton value={value} />
      <Flags flags={set.map((each) => ({ name: each }))} />
    </div>
  );
}

/** A field for an address or the name of a function. Enter takes it. */
export function AddressField({
  domid,
  label,
  value,
  onGo,
}: {
  domid: number;
  label: string;
  value: string;
  onGo: (address: string) => void;
}) {
  const [text, setText] = useState(value);
  const [wrong, setWrong] = useState<string | null>(null);
  useEffect(() => {
    setText(value);
    setWrong(null);
  }, [value]);
  const go = async (): Promise<void> => {
    try {
      const address = addressOf(text) ?? (await request("inspectSymbol", { domid, name: text.trim() })).address;
      setWrong(null);
      onGo(address);
    } catch (error) {
      setWrong(sentence(error));
    }
  };
  return (
    <form
      className="address-form"
      onSubmit={(event) => {
        event.preventDefault();
        if (text.trim()) void go();
      }}
    >
      <label>
        {label}
        <input
          className="mono"
          spellCheck={false}
          autoComplete="off"
          title="Up to 16 hexadecimal digits, or the name of a function of its kernel’s"
          size={24}
          value={text}
          aria-invalid={wrong !== null}
          aria-describedby={wrong !== null ? "address-error" : undefined}
          onChange={({ target }) => setText(target.value)}
        />
      </label>
      <button type="submit">Go</button>
      {wrong !== null && (
        <span id="address-error" className="field-error" role="alert">
          {wrong}
        </span>
      )}
    </form>
  );
}

export function TypeText({ frame: { type, typeReferences } }: { frame: FrameFacts }) {
  return typeReferences === 0 ? <span className="muted">none held</span> : <>{type}</>;
}
