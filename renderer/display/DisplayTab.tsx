import { Camera, Copy, Expand, Keyboard, Minimize2, Scan } from "lucide-react";
import "../styles/display.css";
import { useEffect, useRef, useState } from "react";
import { useHostRuns, useLive } from "../state/live.ts";
import { toast, useApp } from "../state/store.ts";
import { download } from "../ui/download.ts";
import { Tool } from "../ui/Tool.tsx";
import { NoScreen } from "./NoScreen.tsx";
import { ScreenLink, type ScreenFacts } from "./screen-link.ts";
import { Stage, type StageScale } from "./Stage.tsx";
import { CTRL_ALT_DELETE } from "./keycodes.ts";

/** Shows what a domain draws on its framebuffer, and sends keys and pointer to it. The screen is followed only while it is shown. */
export function DisplayTab({ domid }: { domid: number }) {
  const domain = useApp((state) => state.domains.find((each) => each.domid === domid));
  const hasScreen = domain?.config?.devices.some(({ kind }) => kind === "vfb") ?? false;
  const runs = useHostRuns();
  if (!runs) return <p className="page-empty">There is no screen while the host does not run.</p>;
  if (!domain) return <p className="page-empty">The screen has gone with the domain.</p>;
  return hasScreen ? <Display domid={domid} name={domain.name} /> : <NoScreen name={domain.name} />;
}

function Display({ domid, name }: { domid: number; name: string }) {
  const live = useLive();
  const canvas = useRef<HTMLCanvasElement>(null);
  const stage = useRef<HTMLDivElement>(null);
  const [link, setLink] = useState<ScreenLink | null>(null);
  const [facts, setFacts] = useState<ScreenFacts | null>(null);
  const [lost, setLost] = useState<string | null>(null);
  const [scale, setScale] = useState<StageScale>("fit");
  useEffect(() => {
    if (!live) return;
    const made = new ScreenLink(domid, canvas.current!, { facts: setFacts, lost: setLost });
    setLost(null);
    setLink(made);
    return () => {
      made.stop();
      setLink(null);
    };
  }, [domid, live]);

  const sendCtrlAltDelete = (): void => {
    for (const keycode of CTRL_ALT_DELETE) link?.key(keycode, true);
    for (const keycode of [...CTRL_ALT_DELETE].reverse()) link?.key(keycode, false);
    stage.current?.focus();
  };
  const savePicture = (): void =>
    canvas.current!.toBlob((picture) => {
      if (picture) download(`${name}-screen.png`, "image/png", picture);
    }, "image/png");
  const fillScreen = (): void =>
    void stage
      .current!.requestFullscreen()
      .then(() => stage.current?.focus())
      .catch(() => toast("warning", "This window may not fill the screen."));
  return (
    <div className="display">
      <div className="display-tools" role="toolbar" aria-label="Display">
        <span className="muted display-facts" role="status">
          {facts &&
            (facts.isConnected ? `${facts.width} × ${facts.height}` : "No driver in the guest draws on it yet.")}
        </span>
        {facts?.vnc && <VncAddress vnc={facts.vnc} />}
        <span className="display-buttons">
          <Tool label="Send Ctrl+Alt+Del" disabled={!link} onClick={sendCtrlAltDelete}>
            <Keyboard size={14} />
          </Tool>
          <Tool label="Scale to fit" pressed={scale === "fit"} onClick={() => setScale("fit")}>
            <Scan size={14} />
          </Tool>
          <Tool label="Actual size" pressed={scale === "actual"} onClick={() => setScale("actual")}>
            <Minimize2 size={14} />
          </Tool>
          <Tool label="Full screen" disabled={!facts} onClick={fillScreen}>
            <Expand size={14} />
          </Tool>
          <Tool label="Save a picture" disabled={!facts} onClick={savePicture}>
            <Camera size={14} />
          </Tool>
        </span>
      </div>
      {lost !== null && (
        <p className="banner banner-quiet" role="status">
          {lost}
        </p>
      )}
      <Stage name={name} link={link} canvas={canvas} stage={stage} size={facts} scale={scale} />
      <p className="muted display-hint">
        While the screen has the focus, every key is the guest’s. Ctrl+] gives the keys back to the window.
      </p>
    </div>
  );
}

function VncAddress({ vnc: { address, port, hasPassword } }: { vnc: NonNullable<ScreenFacts["vnc"]> }) {
  const text = `${address.includes(":") ? `[${address}]` : address}:${port}`;
  const copy = (): void =>
    void navigator.clipboard.writeText(text).then(
      () => toast("info", "Copied."),
      () => toast("error", "The clipboard may not be written here."),
    );
  return (
    <span className="display-vnc">
      VNC <code>{text}</code>
      <span className="muted">
        {hasPassword ? "with a password" : "without a password: open to all users of this computer"}
      </span>
      <Tool label="Copy the VNC address" onClick={copy}>
        <Copy size={13} />
      </Tool>
    </span>
  );
}
