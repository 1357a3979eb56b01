import { FolderOpen } from "lucide-react";
import { useState } from "react";
import { writeFolder } from "../../core/api/device-text.ts";
import type { DomainInfo } from "../../core/api/schema.ts";
import { folderAt } from "../create/devices.ts";
import { request } from "../state/session.ts";
import { toast } from "../state/store.ts";
import { FormDialog } from "../ui/FormDialog.tsx";

/** Shares a folder of this computer with a running domain. */
export function AttachFolder({ domain, onClose }: { domain: DomainInfo; onClose: () => void }) {
  const [path, setPath] = useState("");
  const [typed, setTag] = useState<string | null>(null);
  const [isReadOnly, setReadOnly] = useState(false);
  const tags = (domain.config?.devices ?? []).flatMap(({ kind, front }) =>
    kind === "9pfs" ? [String(front.tag)] : [],
  );
  const tag = typed ?? (path === "" ? "" : folderAt(path, tags).get("tag")!);
  const choose = async (): Promise<void> => {
    const chosen = await window.xenariumDesktop?.chooseFolder();
    if (chosen) setPath(chosen);
  };
  const attach = async (): Promise<void> => {
    const given = new Map([...folderAt(path, []), ["tag", tag], ["access", isReadOnly ? "ro" : ""]]);
    await request("deviceAttach", { domid: domain.domid, key: "p9", spec: writeFolder(given), folder: "/" });
    toast("info", `${domain.name} has the folder ${tag}.`);
  };
  return (
    <FormDialog
      title={`Share a folder with ${domain.name}`}
      action="Share"
      className="form attach"
      ready={path !== "" && tag !== ""}
      deed={attach}
      onClose={onClose}
    >
      <div className="device-row-line">
        <button type="button" className="file-button" title={path || undefined} onClick={() => void choose()}>
          <FolderOpen size={14} aria-hidden /> {path || "Choose a folder…"}
        </button>
      </div>
      <div className="field">
        <label htmlFor="attach-tag">Tag</label>
        <input
          id="attach-tag"
          className="mono"
          spellCheck={false}
          aria-describedby="attach-tag-hint"
          value={tag}
          onChange={({ target }) => setTag(target.value.replaceAll(",", ""))}
        />
        <span id="attach-tag-hint" className="field-hint">
          The guest mounts it: mount -t 9p -o trans=xen,version=9p2000.L {tag || "TAG"} /mnt. xl has no command that
          shares a folder with a running domain; Linux’s 9pnet_xen takes one all the same.
        </span>
      </div>
      <label className="check" title="The guest can’t write to it">
        <input type="checkbox" checked={isReadOnly} onChange={({ target }) => setReadOnly(target.checked)} />
        Read-only
      </label>
    </FormDialog>
  );
}
