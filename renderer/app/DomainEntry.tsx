import type { DomainInfo } from "../../core/api/schema.ts";
import { CpuFigure } from "../domain/CpuFigure.tsx";
import { endOf, stateOf, type DomainState } from "../domain/state-words.ts";
import { StateMark } from "../domain/StateMark.tsx";
import { Tags } from "../organize/Tags.tsx";
import { useDomainHistory } from "../state/figure.ts";
import { showDomain } from "../state/layout.ts";
import { showEnded } from "../state/store.ts";
import { openMenu } from "../ui/ContextMenu.tsx";
import { Sparkline } from "../ui/Sparkline.tsx";
import { startDrag } from "./drag.ts";
import { domainMenu } from "./menus.ts";
import { clicked, useSelection } from "./selection.ts";
import { keyOfDomain, type Item, type Shown } from "./tree-item.ts";
import { domidsIn } from "./tree-keys.ts";

const TAGS_SHOWN = 3;

/** A domain in the sidebar's tree, whether it runs or not. */
export function DomainEntry({ item, isSelected, level, current }: Shown & { item: Item; isSelected: boolean }) {
  const { name, domid } = item;
  const key = keyOfDomain(domid);
  const marked = useSelection(({ domids }) => domids.has(domid));
  const [state, open]: [DomainState, () => void] =
    "domain" in item ? [stateOf(item.domain), () => showDomain(domid)] : [endOf(item.gone), () => showEnded(domid)];
  return (
    <li role="none" className="side-leaf" draggable onDragStart={(event) => startDrag(event, { domain: name })}>
      <button
        type="button"
        role="treeitem"
        className={`side-domain side-entry${isSelected ? " selected" : ""}${marked ? " marked" : ""}`}
        aria-level={level}
        aria-selected={isSelected || marked}
        aria-current={isSelected ? "page" : undefined}
        tabIndex={key === current ? 0 : -1}
        data-key={key}
        data-name={name}
        data-state={state}
        data-domid={domid}
        onClick={(event) => {
          if (!clicked(event, domid, domidsIn(event.currentTarget.closest('[role="tree"]')!))) open();
        }}
        onContextMenu={(event) => {
          const { domids } = useSelection.getState();
          const all = domids.has(domid) ? [...domids] : [domid];
          openMenu(event, all.length > 1 ? `${all.length} domains` : name, domainMenu(all));
        }}
      >
        <span className="side-row">
          <StateMark state={state} />
          <span className="side-name">{name}</span>
          <span className="side-id">{"domain" in item ? domid : ""}</span>
        </span>
        {"domain" in item ? <Figures domain={item.domain} /> : <span className="side-row side-figures">{state}</span>}
        <Tags name={name} most={TAGS_SHOWN} />
      </button>
    </li>
  );
}

function Figures({ domain: { domid, name, memoryMiB, maxmemMiB } }: { domain: DomainInfo }) {
  const figures = useDomainHistory(domid);
  return (
    <span className="side-row side-figures">
      <span>
        <CpuFigure domids={[domid]} />
      </span>
      <Sparkline series={figures?.cpu} max={100} label={`CPU of ${name}`} />
      <Sparkline
        series={figures?.memory}
        max={Math.max(maxmemMiB, memoryMiB)}
        color="--graph-4"
        label={`Memory of ${name}, of at most ${Math.round(maxmemMiB)} MiB`}
      />
      <span>{Math.round(memoryMiB)} MiB</span>
    </span>
  );
}
