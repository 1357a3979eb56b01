import { Compass } from "lucide-react";
import { startTour } from "../help/tour-state.ts";
import { openDialog } from "../state/store.ts";
import { Dialog } from "../ui/Dialog.tsx";
import { OTHER_KEYS, SHORTCUTS } from "./shortcut-keys.ts";

export function Shortcuts() {
  const rows = [...OTHER_KEYS, ...SHORTCUTS.map(({ keys, what }) => [keys, what] as const)];
  return (
    <Dialog title="Keyboard shortcuts" onClose={() => openDialog("none")}>
      <table className="shortcuts">
        <tbody>
          {rows.map(([keys, what]) => (
            <tr key={keys}>
              <th scope="row">
                <kbd>{keys}</kbd>
              </th>
              <td>{what}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <footer className="dialog-footer">
        <button
          type="button"
          onClick={() => {
            openDialog("none");
            startTour();
          }}
        >
          <Compass size={15} aria-hidden /> Guided tour: what Xen is
        </button>
      </footer>
    </Dialog>
  );
}
