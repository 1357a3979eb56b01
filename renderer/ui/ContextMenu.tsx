/** The menu of a thing, opened by the secondary button, the menu key or Shift+F10. One is open at a time. */
import { useEffect, useLayoutEffect, useRef, type KeyboardEvent, type MouseEvent } from "react";
import { create } from "zustand";

export interface MenuItem {
  label: string;
  run: () => void;
  disabled?: boolean;
  danger?: boolean;
}
interface Menu {
  /** What the menu belongs to. */
  label: string;
  x: number;
  y: number;
  items: readonly MenuItem[];
  /** Gets the focus again when the menu is closed. */
  from: HTMLElement;
}
const useMenu = create<{ menu: Menu | null }>()(() => ({ menu: null }));
const MARGIN = 4;

export function openMenu(event: MouseEvent<HTMLElement>, label: string, items: readonly MenuItem[]): void {
  event.preventDefault();
  event.stopPropagation();
  // A row of a table takes no focus itself, so the focus is that of an element inside it, or the one that would get it.
  const thing = event.currentTarget;
  const focused = document.activeElement as HTMLElement | null;
  const from = thing.contains(focused) ? focused! : thing.matches("[tabindex], button") ? thing : firstIn(thing);
  // A menu that a key opens stands at the thing itself.
  const box = from.getBoundingClientRect();
  const byKey = event.clientX === 0 && event.clientY === 0;
  const [x, y] = byKey ? [box.left + 16, box.bottom] : [event.clientX, event.clientY];
  useMenu.setState({ menu: { label, x, y, items, from } });
}
function firstIn(thing: HTMLElement): HTMLElement {
  return thing.querySelector<HTMLElement>("button") ?? thing;
}
function close(): void {
  const { menu } = useMenu.getState();
  useMenu.setState({ menu: null });
  if (menu?.from.isConnected) menu.from.focus();
}

export function ContextMenu() {
  const menu = useMenu((state) => state.menu);
  const box = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    const element = box.current;
    if (!menu || !element) return;
    // The menu stays within the window, wherever the pointer was.
    const { width, height } = element.getBoundingClientRect();
    element.style.left = `${Math.max(MARGIN, Math.min(menu.x, innerWidth - width - MARGIN))}px`;
    element.style.top = `${Math.max(MARGIN, Math.min(menu.y, innerHeight - height - MARGIN))}px`;
    element.querySelector<HTMLElement>('[role="menuitem"]:not(:disabled)')?.focus();
  }, [menu]);
  useEffect(() => {
    if (!menu) return;
    const away = (event: Event): void => {
      if (!box.current?.contains(event.target as Node)) useMenu.setState({ menu: null });
    };
    const leave = (): void => useMenu.setState({ menu: null });
    window.addEventListener("pointerdown", away, true);
    window.addEventListener("resize", leave);
    window.addEventListener("blur", leave);
    return () => {
      window.removeEventListener("pointerdown", away, true);
      window.removeEventListener("resize", leave);
      window.removeEventListener("blur", leave);
    };
  }, [menu]);
  if (!menu) return null;
  return (
    <div ref={box} className="context-menu" role="menu" aria-label={menu.label} onKeyDown={goThroughMenu}>
      {menu.items.map(({ label, run, disabled = false, danger = false }) => (
        <button
          key={label}
          type="button"
          role="menuitem"
          tabIndex={-1}
          className={danger ? "plain danger-quiet" : "plain"}
          disabled={disabled}
          onClick={() => {
            close();
            run();
          }}
        >
          {label}
        </button>
      ))}
    </div>
  );
}

function goThroughMenu(event: KeyboardEvent<HTMLElement>): void {
  const items = [...event.currentTarget.querySelectorAll<HTMLElement>('[role="menuitem"]:not(:disabled)')];
  const at = items.indexOf(document.activeElement as HTMLElement);
  const to: Record<string, number> = {
    ArrowDown: (at + 1) % items.length,
    ArrowUp: (at - 1 + items.length) % items.length,
    Home: 0,
    End: items.length - 1,
  };
  if (event.key === "Escape" || event.key === "Tab") close();
  else if (event.key in to) items[to[event.key]!]?.focus();
  else return;
  event.preventDefault();
  event.stopPropagation();
}
