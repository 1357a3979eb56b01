import "../styles/columns.css";
import { Columns3 } from "lucide-react";
import { useId, useState } from "react";
import { LIST_COLUMNS, useLayout } from "../state/layout.ts";

/** Chooses the columns of the list of domains. This is the browser's own popover, so Escape and a click elsewhere close it. */
export function ColumnChoice() {
  const id = useId();
  const hidden = useLayout((layout) => layout.hiddenColumns);
  const [place, setPlace] = useState({ top: 0, right: 0 });
  return (
    <>
      <button
        type="button"
        popoverTarget={id}
        onClick={({ currentTarget }) => {
          const { bottom, right } = currentTarget.getBoundingClientRect();
          setPlace({ top: bottom + 4, right: innerWidth - right });
        }}
      >
        <Columns3 size={14} aria-hidden /> Columns
      </button>
      <div id={id} popover="auto" className="column-choice" role="group" aria-label="Columns" style={place}>
        {LIST_COLUMNS.filter(([column]) => column !== "name").map(([column, title]) => (
          <label key={column}>
            <input
              type="checkbox"
              checked={!hidden.includes(column)}
              onChange={({ target }) =>
                useLayout.setState({
                  hiddenColumns: target.checked ? hidden.filter((each) => each !== column) : [...hidden, column],
                })
              }
            />
            {title}
          </label>
        ))}
      </div>
    </>
  );
}
