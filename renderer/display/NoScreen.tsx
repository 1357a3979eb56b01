import { Copy } from "lucide-react";
import { toast } from "../state/store.ts";

const LINE = 'vfb = ["vnc=1"]';

/** Shown for a domain without a framebuffer. It says how the domain gets one. */
export function NoScreen({ name }: { name: string }) {
  const copy = (): void =>
    void navigator.clipboard.writeText(LINE).then(
      () => toast("info", "Copied."),
      () => toast("error", "The clipboard may not be written here."),
    );
  return (
    <div className="display-none">
      <h2>{name} has no screen</h2>
      <p>
        A guest draws on a framebuffer, and types on the keyboard that comes with it. This line in its xl.cfg gives it
        both the next time it starts:
      </p>
      <p className="display-line">
        <code>{LINE}</code>
        <button type="button" onClick={copy}>
          <Copy size={13} aria-hidden /> Copy
        </button>
      </p>
      <p className="muted">
        VNC viewers may look too, at an address of this computer’s: <code>vncpasswd=…</code> behind a comma asks them
        for a password, <code>vnc=0</code> keeps them out.
      </p>
      <p className="muted">
        Linux then shows its text console there, beside the one of the Console tab. Its kernel command line may ask for
        a larger screen: <code>xen_fbfront.video=16,1280,800</code> is 1280 × 800 with 16 MiB.
      </p>
    </div>
  );
}
