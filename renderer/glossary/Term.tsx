import type { ReactNode } from "react";
import { TERMS, type TermId } from "./terms.ts";

/** Returns the id of the element that holds the sentence, for those who have the page read to them. */
export function meaningId(of: TermId): string {
  return `term-${of}`;
}

/** For an element that takes the focus anyway, such as the button of a column. It says what its word means, as `Term` does. */
export function termProps(of: TermId): { "data-term": TermId; "aria-describedby": string } {
  return { "data-term": of, "aria-describedby": meaningId(of) };
}

/** A word of Xen's that says what it means when it is pointed at, reached by Tab, or read aloud. */
export function Term({ of, children }: { of: TermId; children?: ReactNode }) {
  return (
    <dfn className="term" tabIndex={0} {...termProps(of)}>
      {children ?? TERMS[of].name}
    </dfn>
  );
}
