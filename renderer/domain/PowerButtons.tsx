import { CirclePause, Play, Power, RotateCw, Skull } from "lucide-react";
import { useState } from "react";
import type { DomainInfo } from "../../core/api/schema.ts";
import { act } from "../state/session.ts";
import { Confirm } from "../ui/Dialog.tsx";

export function PowerButtons({ domain }: { domain: DomainInfo }) {
  const [confirming, setConfirming] = useState(false);
  const { domid, name, state } = domain;
  const ended = state.shutdown || state.dying;
  return (
    <div className="button-row">
      {state.paused ? (
        <button type="button" disabled={ended} onClick={() => void act("unpause", { domid })}>
          <Play size={15} /> Unpause
        </button>
      ) : (
        <button type="button" disabled={ended} onClick={() => void act("pause", { domid })}>
          <CirclePause size={15} /> Pause
        </button>
      )}
      <button
        type="button"
        disabled={ended || state.paused}
        title="Asks the guest to shut down"
        onClick={() => void act("shutdown", { domid, reason: "poweroff" })}
      >
        <Power size={15} /> Shut down
      </button>
      <button
        type="button"
        disabled={ended || state.paused}
        title="Asks the guest to reboot"
        onClick={() => void act("shutdown", { domid, reason: "reboot" })}
      >
        <RotateCw size={15} /> Reboot
      </button>
      <button type="button" className="danger-quiet" disabled={state.dying} onClick={() => setConfirming(true)}>
        <Skull size={15} /> Destroy
      </button>
      {confirming && (
        <Confirm
          title={`Destroy ${name}`}
          text="The domain ends at once, as if its plug was pulled. What it has not saved is lost."
          action="Destroy"
          onConfirm={() => void act("destroy", { domid })}
          onClose={() => setConfirming(false)}
        />
      )}
    </div>
  );
}
