import { Download, FileDown, X } from "lucide-react";
import { useEffect } from "react";
import { dismissHint, startTour, useTour } from "../help/tour-state.ts";
import { openDialog, useApp } from "../state/store.ts";

/** The one hint of the first start: where files can be dropped, and that there is a tour. It goes away when it is dismissed or followed. */
export function FirstHint() {
  const shown = useApp((state) => state.firstHint);
  const dialog = useApp((state) => state.dialog);
  const guest = useApp(({ host }) => host?.firstGuest ?? null);
  const isSeen = useApp(
    ({ view, domains }) =>
      view.page === "domain" && domains.some(({ domid, name }) => domid === view.domid && name === guest),
  );
  const tours = useTour(({ step }) => step !== null);
  const dismiss = (): void => {
    useApp.setState({ firstHint: false });
    dismissHint();
  };
  useEffect(() => {
    if (shown && (tours || dialog === "new-domain" || dialog === "fetch-guest")) dismiss();
  }, [shown, tours, dialog]);
  if (!shown) return null;
  return (
    <div className="first-hint" role="note">
      <FileDown size={18} aria-hidden />
      <p>
        {isSeen ? "This small guest" : `The small guest ${guest ?? ""}`} came with Xenarium: type <kbd>help</kbd>
        {isSeen ? "" : " on its console"}. To boot your own, drop a kernel, a disk image or an xl.cfg anywhere on this
        window, or get a real Linux from the web.
      </p>
      <button type="button" onClick={() => openDialog("fetch-guest")}>
        <Download size={14} aria-hidden /> Get a Linux…
      </button>
      <button type="button" onClick={startTour}>
        Take a tour
      </button>
      <button type="button" className="icon-button" title="Dismiss" aria-label="Dismiss the hint" onClick={dismiss}>
        <X size={16} aria-hidden />
      </button>
    </div>
  );
}
