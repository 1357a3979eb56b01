import type { ReactNode } from "react";
import type { Finding } from "./checks.ts";
import type { Row } from "./devices.ts";

/** Devices of one kind as an xl.cfg lists them, a row each; one whose text is not understood says why, and can be taken out. */
export function DeviceRows<T>({
  title,
  rows,
  finding,
  remove,
  children,
  foot,
}: {
  title: string;
  rows: readonly Row<T>[];
  finding: Finding | undefined;
  remove: (index: number) => void;
  /** The fields of a row. */
  children: (value: T, index: number) => ReactNode;
  /** What adds one. */
  foot: ReactNode;
}) {
  return (
    <fieldset className="device-rows">
      <legend>{title}</legend>
      {rows.map((row, index) =>
        row.problem === null ? (
          children(row.value, index)
        ) : (
          <p key={index} className="field-error">
            <span className="mono">{row.text}</span>: {row.problem}{" "}
            <button type="button" onClick={() => remove(index)}>
              Remove
            </button>
          </p>
        ),
      )}
      {finding && <p className={finding.severity === "error" ? "field-error" : "field-warning"}>{finding.message}</p>}
      {foot}
    </fieldset>
  );
}
