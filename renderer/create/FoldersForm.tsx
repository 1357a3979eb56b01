import { FolderOpen } from "lucide-react";
import { toast } from "../state/store.ts";
import type { Finding } from "./checks.ts";
import { DeviceRows } from "./DeviceRows.tsx";
import { folderAt, isReadOnly, type FolderRow } from "./devices.ts";

type Folder = ReadonlyMap<string, string>;

/**
 * Lists the folders of this computer that a domain shares, one in a row. The desktop asks its user for a folder. A browser may share none, so there
 * the list only shows what a config has.
 */
export function FoldersForm({
  rows,
  finding,
  set,
}: {
  rows: readonly FolderRow[];
  finding: Finding | undefined;
  set: (index: number, folder: Folder | null) => void;
}) {
  const desktop = window.xenariumDesktop;
  if (!desktop && rows.length === 0) return null;
  const tags = rows.flatMap(({ value }) => value?.get("tag") ?? []);
  const choose = async (index: number | null): Promise<void> => {
    const path = await desktop?.chooseFolder();
    if (!path) return;
    if (path.includes(",")) {
      toast("error", `${path} can’t be shared: in xl.cfg a path can’t have a comma.`);
      return;
    }
    const before = index === null ? undefined : rows[index]?.value;
    set(index ?? rows.length, before ? new Map([...before, ["path", path]]) : folderAt(path, tags));
  };
  return (
    <DeviceRows
      title="Shared folders"
      rows={rows}
      finding={finding}
      remove={(index) => set(index, null)}
      foot={
        desktop && (
          <div className="button-row">
            <button type="button" onClick={() => void choose(null)}>
              <FolderOpen size={14} aria-hidden /> Folder…
            </button>
          </div>
        )
      }
    >
      {(folder, index) => (
        <FolderFields
          key={index}
          folder={folder}
          onChange={(next) => set(index, next)}
          onPick={desktop ? () => void choose(index) : null}
        />
      )}
    </DeviceRows>
  );
}

function FolderFields({
  folder,
  onChange,
  onPick,
}: {
  folder: Folder;
  onChange: (folder: Folder | null) => void;
  onPick: (() => void) | null;
}) {
  const tag = folder.get("tag") ?? "";
  const path = folder.get("path") ?? "";
  const change = (key: string, value: string): void => onChange(new Map([...folder, [key, value]]));
  return (
    <div className="device-row" role="group" aria-label={`Shared folder ${tag}`}>
      <div className="device-row-line">
        <FolderOpen size={15} aria-hidden />
        <button type="button" className="file-button" title={path} disabled={!onPick} onClick={onPick ?? undefined}>
          {path}
        </button>
        <input
          className="mono vdev"
          aria-label={`Tag of the shared folder ${tag}`}
          title={`The guest mounts it: mount -t 9p -o trans=xen,version=9p2000.L ${tag} /mnt`}
          spellCheck={false}
          value={tag}
          onChange={({ target }) => change("tag", target.value.replaceAll(",", ""))}
        />
        <button type="button" aria-label={`Remove the shared folder ${tag}`} onClick={() => onChange(null)}>
          Remove
        </button>
      </div>
      <div className="device-row-line">
        <label className="check" title="The guest can't write to it">
          <input
            type="checkbox"
            checked={isReadOnly({ access: folder.get("access") ?? "" })}
            onChange={({ target }) => change("access", target.checked ? "ro" : "")}
          />
          Read-only
        </label>
      </div>
    </div>
  );
}
