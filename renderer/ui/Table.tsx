/** A view's table: its columns by their titles, the rows as its children. */
import { Fragment, type ReactNode } from "react";
import { Term } from "../glossary/Term.tsx";
import type { TermId } from "../glossary/terms.ts";

export interface Column {
  title: ReactNode;
  /** The word of Xen's that the title is, if it is one. */
  term?: TermId;
  /** What the title does not say, shown where the pointer rests on it. */
  hint?: string | undefined;
  /** Holds figures, which stand at the right. */
  isNumber?: boolean;
  /** The title is for who hears the page: what is in the column says itself to who sees it. */
  isOnlyHeard?: boolean;
}

/** Columns of a table; a plain text is the title of one about which there is nothing else to say. */
export type Columns = readonly (string | Column)[];

/** Scrolls in a box of its own, which keys reach; `label` names it. */
export function Table({
  label,
  columns,
  className,
  children,
}: {
  label: string;
  columns: Columns;
  className?: string;
  children: ReactNode;
}) {
  return (
    <div className="table-box" tabIndex={0} role="group" aria-label={label}>
      <table className={className ? `table ${className}` : "table"}>
        <TableHead columns={columns} />
        <tbody>{children}</tbody>
      </table>
    </div>
  );
}

/** For a table that has no box. */
export function TableHead({ columns }: { columns: Columns }) {
  return (
    <thead>
      <tr>
        {columns.map((column, i) => (
          <Fragment key={i}>
            {typeof column === "string" ? <th scope="col">{column}</th> : <Head {...column} />}
          </Fragment>
        ))}
      </tr>
    </thead>
  );
}

function Head({ title, term, hint, isNumber = false, isOnlyHeard = false }: Column) {
  return (
    <th scope="col" className={isNumber ? "number" : undefined} title={hint}>
      {isOnlyHeard ? <span className="visually-hidden">{title}</span> : term ? <Term of={term}>{title}</Term> : title}
    </th>
  );
}
