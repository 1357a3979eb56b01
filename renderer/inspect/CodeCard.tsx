import type { RegistersReport } from "../../core/api/schema.ts";
import { Table, type Columns } from "../ui/Table.tsx";
import { AddressButton } from "./parts.tsx";

const CODE_COLUMNS: Columns = ["Address", "Bytes", "Instruction"];

/** The instructions around RIP. */
export function CodeCard({ report: { code, rip, symbols } }: { report: RegistersReport }) {
  return (
    <section className="card">
      <header className="card-header">
        <h2>Code</h2>
        {rip.symbol !== null && <span className="mono symbol">{rip.symbol}</span>}
        <span className="muted">
          {symbols.state === "ready"
            ? `${symbols.count.toLocaleString("en")} symbols of its kernel’s own`
            : symbols.state === "reading"
              ? "reading its kernel’s symbols…"
              : "its kernel’s file has no symbols"}
        </span>
      </header>
      {code.length === 0 ? (
        <p className="muted">Nothing is mapped at RIP.</p>
      ) : (
        <Table label="Code around RIP" className="code-lines" columns={CODE_COLUMNS}>
          {code.map(({ address, bytes, text, target }) => (
            <tr key={address} aria-current={address === rip.address ? "true" : undefined}>
              <td>
                <AddressButton value={address} />
              </td>
              <td className="mono muted">{bytes}</td>
              <td className="mono">
                {text}
                {target?.symbol && <span className="symbol"> {target.symbol}</span>}
              </td>
            </tr>
          ))}
        </Table>
      )}
    </section>
  );
}
