import type { ReactNode } from "react";
import { TERMS, type TermId } from "./terms.ts";

/** Of the element that has the sentence, for who hears the page. */
export function meaningId(of: TermId): string {
  return `term-${of}`;
}

/** For what takes the focus anyway, as a column's button: it tells what its word means, as `Term` does. */
export function termProps(of: TermId): { "data-term": TermId; "aria-describedby": string } {
  return { "data-term": of, "aria-describedby": meaningId(of) };
}

/** A word of Xen's that says what it means to whom points at it, comes to it by Tab, or hears it. */
export function Term({ of, children }: { of: TermId; children?: ReactNode }) {
  return (
    <dfn className="term" tabIndex={0} {...termProps(of)}>
      {children ?? TERMS[of].name}
    </dfn>
  );
}
