import type { LucideIcon } from "lucide-react";
import type { ReactNode } from "react";
import type { Columns } from "../ui/Table.tsx";
import { idOf } from "./diagram.ts";
import { xenbusWord } from "./figures.ts";
import type { DeviceSample } from "./samples.ts";

/** The columns of a DeviceLine. */
export const DEVICE_COLUMNS: Columns = [
  "Device",
  { title: "What can be done", isOnlyHeard: true },
  "Behind it",
  "Frontend",
  { title: "Backend", hint: "Its state, and the domain that holds it" },
];

/** A device in a table of devices: its name, what can be done with it, what lies behind it, and the states of both ends. */
export function DeviceLine({
  sample: { key, wiring },
  icon: Icon,
  title,
  isAmongOthers,
  deeds,
  behind,
  select,
  children,
}: {
  sample: DeviceSample;
  icon: LucideIcon;
  title: string;
  /** Whether devices of other domains are in the table too, so that each is named with its domain. */
  isAmongOthers: boolean;
  deeds: ReactNode;
  behind: ReactNode;
  /** Selects a part of the diagram. */
  select: (id: string) => void;
  /** Cells of further columns. */
  children?: ReactNode;
}) {
  return (
    <tr>
      <th scope="row">
        <button
          type="button"
          className="plain"
          title="Its paths in xenstore"
          onClick={() => select(idOf(key, "frontend"))}
        >
          <Icon size={14} aria-hidden />
          {isAmongOthers && `${wiring.name}: `}
          {title}
        </button>
      </th>
      <td>
        <span className="button-row">{deeds}</span>
      </td>
      <td className="device-behind">{behind}</td>
      <td>
        <BusState state={wiring.frontendState} />
      </td>
      <td title={wiring.problem ?? undefined} className={wiring.problem === null ? undefined : "field-error"}>
        <BusState state={wiring.backendState} /> <span className="muted">{wiring.backendName}</span>
      </td>
      {children}
    </tr>
  );
}

/** The state of one end, in a word. */
function BusState({ state }: { state: string | null }) {
  if (state === null) return "none";
  const [, word = state] = xenbusWord(state).split(" ");
  return <span title={`XenbusState ${state}`}>{word}</span>;
}
