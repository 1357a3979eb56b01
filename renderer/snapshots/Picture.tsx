import { useEffect, useState } from "react";
import type { SnapshotReport } from "../../core/api/schema.ts";
import { request } from "../state/session.ts";

/** Control sequences of terminals (ECMA-48), and other characters that are not text. */
const NO_TEXT = /\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)|[ -/]*[0-~])|[\x00-\x08\x0b-\x1f\x7f]/g;
/** As many as there is room for without scrolling (snapshots.css): the last are what the domain showed then. */
const LINES = 19;

/** Shows what the domain showed at that time: its screen, or the last lines of its console. */
export function Picture({ uuid, snapshot: { id, name, picture } }: { uuid: string; snapshot: SnapshotReport }) {
  const [shown, setShown] = useState<{ url: string } | { text: string } | null>(null);
  useEffect(() => {
    setShown(null);
    if (!picture) return;
    let url: string | null = null;
    let isGone = false;
    void request("snapshotPicture", { uuid, snapshot: id })
      .then((found) => {
        if (isGone || !found) return;
        if (found.kind === "console") {
          const text = new TextDecoder().decode(found.bytes).replace(NO_TEXT, "");
          setShown({ text: text.trimEnd().split("\n").slice(-LINES).join("\n") });
          return;
        }
        url = URL.createObjectURL(new Blob([found.bytes as Uint8Array<ArrayBuffer>], { type: "image/png" }));
        setShown({ url });
      })
      .catch(() => {});
    return () => {
      isGone = true;
      if (url) URL.revokeObjectURL(url);
    };
  }, [uuid, id, picture]);
  if (!picture) return <p className="snapshot-picture snapshot-no-picture muted">It showed nothing.</p>;
  if (shown && "url" in shown)
    return <img className="snapshot-picture" src={shown.url} alt={`The screen at ${name}`} />;
  return (
    <pre className="snapshot-picture" tabIndex={0} aria-label={`The console at ${name}`}>
      {shown && "text" in shown ? shown.text : ""}
    </pre>
  );
}
