import { useState } from "react";
import type { VcpuInfo } from "../../core/api/schema.ts";
import { request, sentence } from "../state/session.ts";
import { usePolled } from "../state/polled.ts";
import { Table, type Columns } from "../ui/Table.tsx";

const COLUMNS: Columns = [
  { title: "vCPU", term: "vcpu" },
  { title: "State", term: "vcpu-state" },
  { title: "pCPU", term: "pcpu" },
  { title: "CPU time", term: "cpu-time" },
  { title: "May run on", term: "affinity" },
];

/** Shows `xl vcpu-list` of the domain, and where each vCPU may run. */
export function VcpuTable({ domid, name }: { domid: number; name: string }) {
  const { value: vcpus, again } = usePolled("vcpuList", { domid });
  return (
    <section className="card">
      <h2>vCPUs</h2>
      {!vcpus ? (
        <p className="muted">Asking…</p>
      ) : (
        <Table label={`vCPUs of ${name}`} columns={COLUMNS}>
          {vcpus.map((vcpu) => (
            <VcpuRow key={vcpu.vcpu} vcpu={vcpu} onSet={again} />
          ))}
        </Table>
      )}
    </section>
  );
}

function VcpuRow({ vcpu, onSet }: { vcpu: VcpuInfo; onSet: () => Promise<void> }) {
  const { domid, stateString, pcpu, cpuTimeSeconds, hardAffinity } = vcpu;
  const [draft, setDraft] = useState<string | null>(null);
  const [error, setError] = useState("");
  const save = async (): Promise<void> => {
    if (draft === null) return;
    const cpus = draft.replace(/\s/g, "");
    try {
      if (cpus !== hardAffinity) await request("setAffinity", { domid, vcpu: vcpu.vcpu, cpus });
      await onSet();
      setDraft(null);
      setError("");
    } catch (reason) {
      setError(sentence(reason));
    }
  };
  const note = `affinity-${vcpu.vcpu}-error`;
  return (
    <tr>
      <th scope="row">{vcpu.vcpu}</th>
      <td className="mono">{stateString}</td>
      <td>{pcpu ?? "–"}</td>
      <td>{cpuTimeSeconds.toFixed(1)} s</td>
      <td>
        {domid === 0 ? (
          hardAffinity
        ) : (
          <input
            className="mono affinity"
            aria-label={`pCPUs that vCPU ${vcpu.vcpu} may run on`}
            aria-invalid={error !== ""}
            aria-describedby={error ? note : undefined}
            title="all, or pCPUs as 0-3,5"
            value={draft ?? hardAffinity}
            onChange={({ target }) => setDraft(target.value)}
            onBlur={() => void save()}
            onKeyDown={({ key, currentTarget }) => {
              if (key === "Enter") currentTarget.blur();
              if (key === "Escape") {
                setDraft(null);
                setError("");
              }
            }}
          />
        )}
        {error && (
          <span id={note} className="field-error affinity-error" role="alert">
            {error}
          </span>
        )}
      </td>
    </tr>
  );
}
