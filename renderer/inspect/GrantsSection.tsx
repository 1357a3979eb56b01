import type { InspectedGrant } from "../../core/api/schema.ts";
import { useInspected } from "./inspected.ts";
import { Flags, FrameButton, Waiting } from "./parts.tsx";
import { Term } from "../glossary/Term.tsx";
import { Table, type Columns } from "../ui/Table.tsx";

const COLUMNS: Columns = [
  { title: "Reference", term: "grant-reference" },
  { title: "Flags", term: "grant-flags" },
  { title: "Granted to", term: "granted-to" },
  { title: "mfn", term: "mfn" },
  { title: "Held by", term: "grant-holder" },
  { title: "Pins", term: "grant-pins" },
];

/** The references that public/grant_table.h reserves for tools. */
const RESERVED: Record<number, string> = { 0: "console", 1: "xenstore" };

/** Shows what a domain lets others use of its memory, and who uses it. */
export function GrantsSection({ domid }: { domid: number }) {
  const { value, error } = useInspected("inspectGrants", { domid });
  if (error !== null || !value) return <Waiting error={error} />;
  return (
    <section className="card">
      <header className="card-header">
        <h2>
          <Term of="grant-table">Grant table</Term>
        </h2>
        <span className="muted">
          version {value.version}, {value.frames} of {value.maxFrames} frames,{" "}
          {value.entries.length + value.more === 1 ? "1 entry" : `${value.entries.length + value.more} entries`} in use
        </span>
      </header>
      {value.entries.length === 0 ? (
        <p className="muted">It grants nothing to anybody.</p>
      ) : (
        <Table label="Entries of the grant table" columns={COLUMNS}>
          {value.entries.map((grant) => (
            <tr key={grant.ref}>
              <th scope="row">
                {grant.ref}
                {RESERVED[grant.ref] && <span className="muted"> {RESERVED[grant.ref]}</span>}
              </th>
              <td>
                <Flags flags={flagsOf(grant)} />
              </td>
              <td>domain {grant.domid}</td>
              <td>
                <FrameButton mfn={grant.mfn} />
              </td>
              <td>{grant.use.holder === null ? "nobody" : `domain ${grant.use.holder}`}</td>
              <td>{pinsOf(grant) || "–"}</td>
            </tr>
          ))}
        </Table>
      )}
      {value.more > 0 && <p className="muted">{value.more} more are in use.</p>}
    </section>
  );
}

function flagsOf({ kind, readonly, reading, writing }: InspectedGrant): { name: string; meaning: string }[] {
  return [
    { name: `GTF_${kind}`, meaning: "What the domain lets the other do" },
    ...(readonly ? [{ name: "GTF_readonly", meaning: "For reading alone" }] : []),
    ...(reading ? [{ name: "GTF_reading", meaning: "Xen’s mark: mapped or copied from now" }] : []),
    ...(writing ? [{ name: "GTF_writing", meaning: "Xen’s mark: mapped for writing now" }] : []),
  ];
}

function pinsOf({ use }: InspectedGrant): string {
  const words: [number, string][] = [
    [use.hostWrite, "host write"],
    [use.hostRead, "host read"],
    [use.deviceWrite, "device write"],
    [use.deviceRead, "device read"],
  ];
  return words
    .filter(([count]) => count > 0)
    .map(([count, word]) => `${count} ${word}`)
    .join(", ");
}
