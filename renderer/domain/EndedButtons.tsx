import { Eraser, HardDriveUpload, PackageOpen, Play, Trash2 } from "lucide-react";
import { useApp, type EndedDomain } from "../state/store.ts";
import { doWithEnded, ENDED_DANGERS, ENDED_WORDS, mayDoEnded, type EndedAction } from "./actions.ts";

const ICONS: Partial<Record<EndedAction, typeof Play>> = {
  restore: HardDriveUpload,
  start: Play,
  export: PackageOpen,
  discard: Eraser,
  delete: Trash2,
};

/** The buttons for a domain that has ended, on its page. */
export function EndedButtons({ ended }: { ended: EndedDomain }) {
  useApp(({ host }) => host?.power);
  return (
    <div className="button-row">
      {(["restore", "start", "export", "discard", "delete"] as const)
        .filter((action) => mayDoEnded(action, ended))
        .map((action) => {
          const Icon = ICONS[action]!;
          return (
            <button
              key={action}
              type="button"
              className={ENDED_DANGERS.includes(action) ? "danger-quiet" : undefined}
              onClick={() => doWithEnded(action, [ended])}
            >
              <Icon size={15} aria-hidden /> {ENDED_WORDS[action]}
            </button>
          );
        })}
    </div>
  );
}
