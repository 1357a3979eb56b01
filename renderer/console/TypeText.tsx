import { useState } from "react";
import { consoles } from "../state/session.ts";
import { FormDialog } from "../ui/FormDialog.tsx";

/** Sends text to the guest as keystrokes, for programs that take no paste, such as boot loaders and password prompts. */
export function TypeText({ domid, name, onClose }: { domid: number; name: string; onClose: () => void }) {
  const [text, setText] = useState("");
  const [enter, setEnter] = useState(true);
  return (
    <FormDialog
      title={`Type text into ${name}`}
      action="Type"
      ready={text !== "" || enter}
      deed={() => consoles.of(domid).typeText(enter ? `${text}\n` : text)}
      onClose={onClose}
    >
      <textarea
        className="mono type-text"
        aria-label="Text to type"
        rows={6}
        value={text}
        onKeyDown={(event) => {
          // In the text field Enter begins a new line.
          if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
          event.preventDefault();
          event.currentTarget.form?.requestSubmit();
        }}
        onChange={({ target }) => setText(target.value)}
      />
      <label className="check">
        <input type="checkbox" checked={enter} onChange={({ target }) => setEnter(target.checked)} /> Press Enter at the
        end
      </label>
    </FormDialog>
  );
}
