import { useEffect, useState } from "react";
import { HOST_MEMORY_MIB, MOST_PCPUS, type HostState } from "../../../core/api/schema.ts";
import { request, sentence } from "../../state/session.ts";
import { Refusal } from "../../ui/Refusal.tsx";
import { NumberField } from "./NumberField.tsx";

const STEP_MIB = 128;

/** Sets the host's memory and pCPUs for the next power-on, beside what the computer has to give. */
export function HostSizeCard({ host }: { host: HostState }) {
  const { next, computer, power, memoryMiB, pcpus } = host;
  const [memory, setMemory] = useState(String(next.memoryMiB));
  const [cpus, setCpus] = useState(String(next.pcpus));
  const [error, setError] = useState<string | null>(null);
  const undo = (): void => {
    setMemory(String(next.memoryMiB));
    setCpus(String(next.pcpus));
    setError(null);
  };
  // Another client may have set it.
  useEffect(undo, [next.memoryMiB, next.pcpus]);
  const off = power === "off" || power === "crashed";
  const wanted = { memoryMiB: whole(memory), pcpus: whole(cpus) };
  const memoryWrong = outside(wanted.memoryMiB, HOST_MEMORY_MIB.least, HOST_MEMORY_MIB.most, "MiB");
  const cpusWrong = outside(wanted.pcpus, 1, MOST_PCPUS, "pCPUs");
  const changed = memory !== String(next.memoryMiB) || cpus !== String(next.pcpus);
  return (
    <section className="card host-size" aria-label="Size of the host">
      <h2>Size of the host</h2>
      <p className="muted">
        {off
          ? "It has this when it is powered on."
          : `It has ${memoryMiB} MiB and ${pcpus} ${pcpus === 1 ? "pCPU" : "pCPUs"} now. A change counts from the next power-on on.`}
      </p>
      <form
        className="boot-form"
        onSubmit={(event) => {
          event.preventDefault();
          request("setHostSize", wanted).then(
            () => setError(null),
            (reason: unknown) => setError(sentence(reason)),
          );
        }}
      >
        <NumberField
          label="Memory (MiB)"
          value={memory}
          onChange={setMemory}
          {...HOST_MEMORY_MIB}
          step={STEP_MIB}
          wrong={memoryWrong}
          note={memoryNote(wanted.memoryMiB, computer.memoryMiB)}
        />
        <NumberField
          label="pCPUs"
          term="pcpu"
          value={cpus}
          onChange={setCpus}
          least={1}
          most={MOST_PCPUS}
          step={1}
          wrong={cpusWrong}
          note={pcpusNote(wanted.pcpus, computer.cores)}
        />
        <Refusal text={error} />
        <div className="button-row">
          <button
            type="submit"
            className={changed ? "primary" : undefined}
            disabled={!changed || memoryWrong !== null || cpusWrong !== null}
          >
            Save
          </button>
          <button type="button" disabled={!changed} onClick={undo}>
            Undo
          </button>
        </div>
      </form>
    </section>
  );
}

function whole(text: string): number {
  return /^\d+$/.test(text.trim()) ? Number(text) : NaN;
}
function outside(value: number, least: number, most: number, unit: string): string | null {
  return value >= least && value <= most ? null : `A whole number from ${least} to ${most} ${unit}.`;
}

function memoryNote(wantedMiB: number, computerMiB: number): string {
  return wantedMiB > computerMiB / 2
    ? `More than half of the ${computerMiB} MiB that this computer has: it may run short when guests use it all.`
    : `This computer has ${computerMiB} MiB. They are taken as guests use them, not at once.`;
}
function pcpusNote(wanted: number, computerCores: number): string {
  const cores = computerCores === 1 ? "one core" : `${computerCores} cores`;
  return wanted > computerCores
    ? `More than the ${cores} of this computer: pCPUs take turns on them, and everything gets slower.`
    : `This computer has ${cores}. Each pCPU is a thread, which uses a core while a guest computes.`;
}
