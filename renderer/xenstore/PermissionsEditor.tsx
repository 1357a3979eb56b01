import { Plus, X } from "lucide-react";
import { useState } from "react";
import { act } from "../state/session.ts";
import { useApp } from "../state/store.ts";
import { ACCESSES, permissionOf, type Permission } from "./bytes.ts";
import type { StoreTree } from "./tree.ts";
import { Term } from "../glossary/Term.tsx";

/** Edits the owner, what all others may do, and the domains that are named. */
export function PermissionsEditor({
  tree,
  path,
  permissions,
}: {
  tree: StoreTree;
  path: string;
  permissions: string[];
}) {
  const domains = useApp((state) => state.domains);
  const [draft, setDraft] = useState<Permission[] | null>(null);
  const entries = draft ?? permissions.map(permissionOf);
  const [owner, ...others] = entries as [Permission, ...Permission[]];
  const changed = draft !== null && textOf(draft) !== permissions.join(" ");
  const known = new Set([...domains.map(({ domid }) => domid), ...entries.map(({ domid }) => domid)]);
  const nameOf = (domid: number): string => domains.find((each) => each.domid === domid)?.name ?? `domain ${domid}`;
  const free = domains.find(({ domid }) => !entries.some((each) => each.domid === domid));
  const set = (i: number, change: Partial<Permission>): void =>
    setDraft(entries.map((each, j) => (i === j ? { ...each, ...change } : each)));
  const save = async (): Promise<void> => {
    await act("xenstoreSetPermissions", { path, permissions: textOf(entries) });
    tree.refresh(path);
    setDraft(null);
  };
  const all: NamedDomain[] = [...known].sort((a, b) => a - b).map((domid) => ({ domid, name: nameOf(domid) }));
  return (
    <fieldset className="permissions">
      <legend>
        <Term of="store-permissions">Permissions</Term>
      </legend>
      <div className="permission">
        <DomainPick label="Owner" domains={all} value={owner.domid} onPick={(domid) => set(0, { domid })} />
        <span className="muted">
          <Term of="store-owner">owns it</Term>
        </span>
      </div>
      {others.map((each, i) => (
        <NamedPermission
          key={i}
          label={`Domain ${i + 1}`}
          permission={each}
          name={nameOf(each.domid)}
          domains={all}
          onChange={(change) => set(i + 1, change)}
          onRemove={() => setDraft(entries.filter((_, j) => j !== i + 1))}
        />
      ))}
      <div className="permission">
        <span className="permission-rest">All others</span>
        <AccessPick label="What all others may do" value={owner.access} onPick={(access) => set(0, { access })} />
      </div>
      <div className="button-row">
        <button
          type="button"
          disabled={!free || entries.length >= 16}
          onClick={() => free && setDraft([...entries, { access: "r", domid: free.domid }])}
        >
          <Plus size={14} /> Domain
        </button>
        {changed && (
          <>
            <button type="button" className="primary" onClick={() => void save()}>
              Set
            </button>
            <button type="button" onClick={() => setDraft(null)}>
              Undo
            </button>
          </>
        )}
      </div>
    </fieldset>
  );
}

/** What a domain that is named may do. */
function NamedPermission({
  label,
  permission: { domid, access },
  name,
  domains,
  onChange,
  onRemove,
}: {
  label: string;
  permission: Permission;
  name: string;
  domains: readonly NamedDomain[];
  onChange: (change: Partial<Permission>) => void;
  onRemove: () => void;
}) {
  return (
    <div className="permission">
      <DomainPick label={label} domains={domains} value={domid} onPick={(chosen) => onChange({ domid: chosen })} />
      <AccessPick label={`What ${name} may do`} value={access} onPick={(chosen) => onChange({ access: chosen })} />
      <button type="button" className="icon-button" aria-label={`Name ${name} no more`} onClick={onRemove}>
        <X size={14} />
      </button>
    </div>
  );
}

interface NamedDomain {
  domid: number;
  name: string;
}

function DomainPick({
  label,
  domains,
  value,
  onPick,
}: {
  label: string;
  domains: readonly NamedDomain[];
  value: number;
  onPick: (domid: number) => void;
}) {
  return (
    <select aria-label={label} value={value} onChange={({ target }) => onPick(Number(target.value))}>
      {domains.map(({ domid, name }) => (
        <option key={domid} value={domid}>
          {name}
        </option>
      ))}
    </select>
  );
}

function AccessPick({
  label,
  value,
  onPick,
}: {
  label: string;
  value: Permission["access"];
  onPick: (access: Permission["access"]) => void;
}) {
  return (
    <select aria-label={label} value={value} onChange={({ target }) => onPick(target.value as Permission["access"])}>
      {ACCESSES.map(([letter, words]) => (
        <option key={letter} value={letter}>
          {words}
        </option>
      ))}
    </select>
  );
}

function textOf(entries: readonly Permission[]): string {
  return entries.map(({ access, domid }) => `${access}${domid}`).join(" ");
}
