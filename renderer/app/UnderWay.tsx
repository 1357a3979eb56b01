import type { ListEntry as Entry } from "../state/messages.ts";
import { act } from "../state/session.ts";

/** Shows how far a task has come, if that is known, and a button to end it, if it can be ended. */
export function UnderWay({ entry: { id, title, progress, cancels, detail } }: { entry: Entry }) {
  return (
    <span className="task-under-way">
      <progress aria-label={`Progress: ${title}`} max={1} value={progress ?? undefined} />
      {progress === null && detail && <span className="muted">{detail}</span>}
      {progress !== null && <span className="muted">{Math.floor(progress * 100)} %</span>}
      {cancels && (
        <button
          type="button"
          className="task-cancel"
          aria-label={`Cancel: ${title}`}
          onClick={() => void act("taskCancel", { id })}
        >
          Cancel
        </button>
      )}
    </span>
  );
}
