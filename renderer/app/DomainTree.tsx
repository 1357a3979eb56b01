import { useState, type ReactNode } from "react";
import type { DomainInfo } from "../../core/api/schema.ts";
import { useGroups } from "../organize/groups.ts";
import { liesIn, parentOf } from "../organize/paths.ts";
import type { EndedDomain } from "../state/store.ts";
import { DomainEntry } from "./DomainEntry.tsx";
import { useDrop } from "./drag.ts";
import { FolderItem } from "./FolderItem.tsx";
import { keyOfDomain, keyOfFolder, type Item } from "./tree-item.ts";
import { goThroughTree } from "./tree-keys.ts";

/** Shows the domains in their folders, then those that are in no folder. Folders in which the search finds nothing are left out. */
export function DomainTree({
  shown,
  ended,
  selected,
  searching,
  children,
}: {
  shown: readonly DomainInfo[];
  ended: readonly EndedDomain[];
  /** The domain that is shown; null means none. Domains that do not run have numbers too (../state/store.ts). */
  selected: number | null;
  searching: boolean;
  children: ReactNode;
}) {
  const { folders, closed, places } = useGroups();
  const [focused, setFocused] = useState("");
  const drop = useDrop(null);
  const items = itemsOf(shown, ended);
  const isOpen = (folder: string): boolean => searching || !closed.has(folder);
  const below = (folder: string): Item[] =>
    items.filter(({ name }) => {
      const place = places.get(name);
      return place !== undefined && (place === folder || liesIn(place, folder));
    });
  const foldersIn = (parent: string | null): string[] =>
    folders.filter((each) => parentOf(each) === parent && (!searching || below(each).length > 0));
  const itemsIn = (parent: string | null): Item[] => items.filter(({ name }) => (places.get(name) ?? null) === parent);
  /** The keys of all visible entries, in order. */
  const keys = (parent: string | null): string[] => [
    ...foldersIn(parent).flatMap((each) => [keyOfFolder(each), ...(isOpen(each) ? keys(each) : [])]),
    ...itemsIn(parent).map(({ domid }) => keyOfDomain(domid)),
  ];
  const all = keys(null);
  const current =
    [focused, selected === null ? "" : keyOfDomain(selected)].find((key) => all.includes(key)) ?? all[0] ?? "";

  const branch = (parent: string | null, level: number): ReactNode => (
    <>
      {foldersIn(parent).map((folder) => (
        <FolderItem
          key={folder}
          folder={folder}
          items={below(folder)}
          isOpen={isOpen(folder)}
          level={level}
          current={current}
        >
          {isOpen(folder) && branch(folder, level + 1)}
        </FolderItem>
      ))}
      {itemsIn(parent).map((item) => (
        <DomainEntry
          key={item.domid}
          item={item}
          isSelected={item.domid === selected}
          level={level}
          current={current}
        />
      ))}
    </>
  );
  return (
    <div className={drop.over ? "side-list drop-over" : "side-list"} {...drop.props}>
      {all.length > 0 && (
        <ul
          role="tree"
          aria-label="Domains in their folders"
          aria-multiselectable
          onKeyDown={goThroughTree}
          onFocus={({ target }) => setFocused((target as HTMLElement).dataset.key ?? "")}
        >
          {branch(null, 1)}
        </ul>
      )}
      {children}
    </div>
  );
}

function itemsOf(shown: readonly DomainInfo[], ended: readonly EndedDomain[]): Item[] {
  return [
    ...shown.map((domain) => ({ name: domain.name, domid: domain.domid, domain })),
    ...ended.map((gone) => ({ name: gone.name, domid: gone.domid, gone })),
  ];
}
