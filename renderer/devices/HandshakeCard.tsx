import { useEffect, useState } from "react";
import type { DeviceHandshake, HandshakeSummary } from "../../core/api/schema.ts";
import { useLive } from "../state/live.ts";
import { request } from "../state/session.ts";
import { useApp } from "../state/store.ts";
import { deviceName, keyOf, spanText } from "./handshake.ts";
import { HandshakeTimeline } from "./HandshakeTimeline.tsx";
import { xenbusWord } from "./figures.ts";

const BY_NAME = new Intl.Collator("en", { numeric: true });

/** Shows what both ends of a device wrote into xenstore since the domain was created. `asked` is the key of the device that was clicked. */
export function HandshakeCard({ devices: known, asked }: { devices: HandshakeSummary[]; asked: string | null }) {
  const [picked, pick] = useState<string | null>(asked);
  const [statesOnly, setStatesOnly] = useState(false);
  useEffect(() => {
    if (asked !== null) pick(asked);
  }, [asked]);
  const domains = useApp((state) => state.domains);
  const devices = [...known].sort((a, b) => BY_NAME.compare(keyOf(a), keyOf(b)));
  const summary = devices.find((each) => keyOf(each) === picked) ?? devices[0];
  const handshake = useHandshake(summary);
  if (!summary) return null;
  const several = devices.some(({ domid }) => domid !== devices[0]!.domid);
  const nameOf = (domid: number): string => domains.find((each) => each.domid === domid)?.name ?? `domain ${domid}`;
  return (
    <section className="card handshake">
      <header className="card-header">
        <h2>History of the handshake</h2>
        <select aria-label="Device" value={keyOf(summary)} onChange={({ target }) => pick(target.value)}>
          {devices.map((each) => (
            <option key={keyOf(each)} value={keyOf(each)}>
              {several ? `${nameOf(each.domid)}: ` : ""}
              {deviceName(each)}
            </option>
          ))}
        </select>
        <label className="handshake-filter">
          <input type="checkbox" checked={statesOnly} onChange={({ target }) => setStatesOnly(target.checked)} />
          States only
        </label>
      </header>
      {handshake ? (
        <>
          <p className="muted">{sentenceOf(handshake)}</p>
          <HandshakeTimeline handshake={handshake} statesOnly={statesOnly} nameOf={nameOf} />
          {HINTS[handshake.kind] && <p className="muted">{HINTS[handshake.kind]}</p>}
        </>
      ) : (
        <p className="muted">Reading what was written…</p>
      )}
    </section>
  );
}

const HINTS: Record<string, string> = {
  console:
    "The first console is wired before the domain runs: the toolstack writes ring and port for both ends, and the guest finds them in its start info. Only the backend has a state: Connected once it has mapped the ring.",
  xenstore:
    "xenstore’s own ring cannot be agreed on in xenstore: the toolstack tells xenstored by INTRODUCE, and the guest finds ring and port in its start info.",
};

function sentenceOf({ list, dropped, frontendState, backendState, backendPath }: DeviceHandshake): string {
  const first = list[0];
  const last = list.at(-1);
  if (!first || !last) return "No step of it is kept.";
  const span = last.time === first.time ? "at once" : `in ${spanText(last.time - first.time)}`;
  const count = list.length === 1 ? "One step" : `${list.length} steps ${span}`;
  const left = dropped ? `, ${dropped} more left out` : "";
  const states = [
    ...(frontendState === null ? [] : [`frontend ${xenbusWord(frontendState)}`]),
    ...(backendState === null || backendPath === null ? [] : [`backend ${xenbusWord(backendState)}`]),
  ];
  const now = states.length ? ` State: ${states.join(", ")}.` : "";
  return `${count}${left}; the first ${spanText(first.time)} after power-on.${now}`;
}

/** The handshake is asked for again when a step was added. */
function useHandshake(summary: HandshakeSummary | undefined): DeviceHandshake | null {
  const live = useLive();
  const [answer, setAnswer] = useState<DeviceHandshake | null>(null);
  const key = summary && keyOf(summary);
  const latest = summary?.latest;
  useEffect(() => {
    if (!live || !summary) return;
    let current = true;
    const { domid, kind, id } = summary;
    request("handshake", { domid, kind, id }).then(
      (result) => current && setAnswer(result),
      // The host has forgotten it since. The list of devices will show that.
      () => {},
    );
    return () => {
      current = false;
    };
  }, [live, key, latest]);
  return answer && summary && keyOf(answer) === key ? answer : null;
}
