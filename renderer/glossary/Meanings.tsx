/** Shows what a word means (`Term.tsx`) beside it, as long as the pointer or the focus is on either. Escape removes it. */
import { useEffect, useLayoutEffect, useRef, useState, type RefObject } from "react";
import { meaningId } from "./Term.tsx";
import { TERMS, type TermId } from "./terms.ts";

/** How long the pointer has to rest on a word, and how long it may be away on its way to the sentence. */
const REST_MS = 200;
const GAP = 6;
const MARGIN = 8;

interface Shown {
  of: TermId;
  anchor: HTMLElement;
}

export function Meanings() {
  const tip = useRef<HTMLDivElement>(null);
  const [shown, setShown] = useState<Shown | null>(null);
  useWordPointedAt(tip, setShown);
  useEndOf(shown, setShown);
  usePlacedAt(tip, shown);
  return (
    <>
      <div hidden>
        {(Object.keys(TERMS) as TermId[]).map((of) => (
          <span key={of} id={meaningId(of)}>
            {TERMS[of].means}
          </span>
        ))}
      </div>
      {/* The word's description tells those who have the page read to them. */}
      <div ref={tip} popover="manual" className="term-tip" aria-hidden data-of={shown?.of}>
        {shown && (
          <>
            <strong>{TERMS[shown.of].name}</strong> {TERMS[shown.of].means}
          </>
        )}
      </div>
    </>
  );
}

/** Tells of the word that the pointer rests on or the focus is on; null: of none, and when it moves away from under them. */
function useWordPointedAt(tip: RefObject<HTMLElement | null>, setShown: (shown: Shown | null) => void): void {
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const later = (next: Shown | null): void => {
      clearTimeout(timer);
      timer = setTimeout(() => setShown(next), REST_MS);
    };
    const wordAt = (target: EventTarget | null): Shown | null => {
      const anchor = target instanceof Element ? target.closest<HTMLElement>("[data-term]") : null;
      return anchor && { of: anchor.dataset.term as TermId, anchor };
    };
    const over = ({ target }: Event): void => {
      if (tip.current?.contains(target as Node)) clearTimeout(timer);
      else later(wordAt(target) ?? focused());
    };
    const focused = (): Shown | null =>
      document.activeElement?.matches(":focus-visible") ? wordAt(document.activeElement) : null;
    const moved = (): void => {
      clearTimeout(timer);
      setShown(focused());
    };
    const gone = (): void => {
      clearTimeout(timer);
      setShown(null);
    };
    document.addEventListener("pointerover", over);
    document.documentElement.addEventListener("pointerleave", gone);
    document.addEventListener("focusin", moved);
    document.addEventListener("focusout", gone);
    // The word has moved away from under the pointer.
    window.addEventListener("scroll", gone, true);
    window.addEventListener("resize", gone);
    return () => {
      gone();
      document.removeEventListener("pointerover", over);
      document.documentElement.removeEventListener("pointerleave", gone);
      document.removeEventListener("focusin", moved);
      document.removeEventListener("focusout", gone);
      window.removeEventListener("scroll", gone, true);
      window.removeEventListener("resize", gone);
    };
  }, []);
}

/** Escape takes the sentence away, and so does the end of what it stands at. */
function useEndOf(shown: Shown | null, setShown: (shown: Shown | null) => void): void {
  useEffect(() => {
    if (!shown) return;
    // Escape removes only this, and does not close the dialog below it.
    const escape = (event: KeyboardEvent): void => {
      if (event.key !== "Escape") return;
      event.preventDefault();
      event.stopPropagation();
      setShown(null);
    };
    window.addEventListener("keydown", escape, true);
    // The word may be taken out of the page.
    const watcher = new MutationObserver(() => !shown.anchor.isConnected && setShown(null));
    watcher.observe(document.body, { childList: true, subtree: true });
    return () => {
      window.removeEventListener("keydown", escape, true);
      watcher.disconnect();
    };
  }, [shown]);
}

/** Puts the sentence below its word, or above it where there is no room. */
function usePlacedAt(tip: RefObject<HTMLElement | null>, shown: Shown | null): void {
  useLayoutEffect(() => {
    const element = tip.current;
    if (!shown || !element) return;
    // This is shown above dialogs too, which are in the browser's top layer.
    element.showPopover();
    const word = shown.anchor.getBoundingClientRect();
    const { width, height } = element.getBoundingClientRect();
    const below = word.bottom + GAP + height + MARGIN <= innerHeight;
    element.style.left = `${Math.max(MARGIN, Math.min(word.left, innerWidth - width - MARGIN))}px`;
    element.style.top = `${below ? word.bottom + GAP : Math.max(MARGIN, word.top - GAP - height)}px`;
    return () => element.hidePopover();
  }, [shown]);
}
