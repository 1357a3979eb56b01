import { openDialog } from "../state/store.ts";
import { Dialog } from "../ui/Dialog.tsx";
import { SHORTCUTS } from "./shortcut-keys.ts";

export function Shortcuts() {
  return (
    <Dialog title="Keyboard shortcuts" onClose={() => openDialog("none")}>
      <table className="shortcuts">
        <tbody>
          {SHORTCUTS.map(({ keys, what }) => (
            <tr key={keys}>
              <td>
                <kbd>{keys}</kbd>
              </td>
              <td>{what}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Dialog>
  );
}
