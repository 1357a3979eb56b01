import { CirclePause, Play, Power, RotateCw, Save, Skull } from "lucide-react";
import type { DomainInfo } from "../../core/api/schema.ts";
import { ACTION_WORDS, doWith, mayDo, type DomainAction } from "./actions.ts";

const ICONS = { pause: CirclePause, unpause: Play, save: Save, shutdown: Power, reboot: RotateCw, destroy: Skull };
const TITLES: Partial<Record<DomainAction, string>> = {
  save: "Asks the guest to suspend, and keeps what it is on disk until it is restored",
  shutdown: "Asks the guest to shut down",
  reboot: "Asks the guest to reboot",
};

export function PowerButtons({ domain }: { domain: DomainInfo }) {
  const actions: DomainAction[] = [domain.state.paused ? "unpause" : "pause", "save", "shutdown", "reboot", "destroy"];
  return (
    <div className="button-row">
      {actions.map((action) => {
        const Icon = ICONS[action];
        return (
          <button
            key={action}
            type="button"
            className={action === "destroy" ? "danger-quiet" : undefined}
            title={TITLES[action]}
            disabled={!mayDo(action, domain)}
            onClick={() => doWith(action, [domain])}
          >
            <Icon size={15} /> {ACTION_WORDS[action]}
          </button>
        );
      })}
    </div>
  );
}
