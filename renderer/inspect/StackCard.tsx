import type { RegistersReport } from "../../core/api/schema.ts";
import { Table, type Columns } from "../ui/Table.tsx";
import { AddressButton } from "./parts.tsx";

const STACK_COLUMNS: Columns = ["At", "Address", "Symbol", "Found by"];

const FOUND: Record<RegistersReport["stack"][number]["by"], [word: string, title: string]> = {
  rip: ["RIP", "Where the vCPU is"],
  frame: ["RBP chain", "RBP leads to the frame that it lies in"],
  scan: ["scan", "An executable address behind a CALL: of a caller, or left over from an earlier call"],
};

/** Where the vCPU came from, as its stack says it. */
export function StackCard({ report: { stack, stackBytes } }: { report: RegistersReport }) {
  return (
    <section className="card">
      <header className="card-header">
        <h2>Stack</h2>
        <span className="muted">{stackBytes.toLocaleString("en")} bytes from RSP on looked through</span>
      </header>
      <Table label="Return addresses on the stack" columns={STACK_COLUMNS}>
        {stack.map(({ slot, address, symbol, by }) => (
          <tr key={slot ?? "rip"}>
            <td>{slot === null ? "–" : <AddressButton value={slot} />}</td>
            <td>
              <AddressButton value={address} />
            </td>
            <td className="mono symbol">{symbol ?? "–"}</td>
            <td title={FOUND[by][1]}>{FOUND[by][0]}</td>
          </tr>
        ))}
      </Table>
    </section>
  );
}
