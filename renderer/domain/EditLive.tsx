import { useState } from "react";
import type { DomainInfo, DomainSettings } from "../../core/api/schema.ts";
import { request, sentence } from "../state/session.ts";
import type { TermId } from "../glossary/terms.ts";
import { usePolled } from "../state/polled.ts";
import { Term } from "../glossary/Term.tsx";

type Key = "weight" | "cap" | "vcpus" | "memory";
const TERM_OF = { weight: "weight", cap: "cap", vcpus: "vcpu", memory: "balloon" } as const satisfies Record<
  Key,
  TermId
>;
type Drafts = Partial<Record<Key, string>>;

interface FieldWords {
  key: Key;
  label: string;
  unit: string;
  now: number | null;
  least: number;
  most: number;
  hint: string;
}

function fieldsOf(settings: DomainSettings, domain: DomainInfo): FieldWords[] {
  const { weight, cap, vcpus, maxvcpus, memoryTargetMiB, maxmemMiB } = settings;
  return [
    {
      key: "weight",
      label: "Weight",
      unit: "",
      now: weight,
      least: 1,
      most: 65535,
      hint: "Twice as much gets twice the time when pCPUs are short.",
    },
    { key: "cap", label: "Cap", unit: "%", now: cap, least: 0, most: 3200, hint: "Of one pCPU; 0 is none." },
    {
      key: "vcpus",
      label: "vCPUs online",
      unit: "",
      now: vcpus,
      least: 1,
      most: maxvcpus,
      hint: `${domain.onlineVcpus} ${domain.onlineVcpus === 1 ? "is" : "are"} online; the guest follows. More than ${maxvcpus} (maxvcpus) needs a new start.`,
    },
    {
      key: "memory",
      label: "Memory target",
      unit: "MiB",
      now: memoryTargetMiB,
      least: 1,
      most: maxmemMiB,
      hint: `It has ${Math.round(domain.memoryMiB)} MiB; its balloon driver follows. More than ${maxmemMiB} (maxmem) needs a new start.`,
    },
  ];
}

/** Edits what can be changed while the domain runs. */
export function EditLive({ domain }: { domain: DomainInfo }) {
  const { domid } = domain;
  const { value: settings, again } = usePolled("domainSettings", { domid });
  const [drafts, setDrafts] = useState<Drafts>({});
  const [errors, setErrors] = useState<Drafts>({});
  const [busy, setBusy] = useState(false);
  if (!settings)
    return (
      <section id="settings" className="card" tabIndex={-1} aria-labelledby="settings-title">
        <h2 id="settings-title">Settings</h2>
        <p className="muted">Asking…</p>
      </section>
    );
  const fields = fieldsOf(settings, domain);
  const changed = fields.filter(({ key, now }) => drafts[key] !== undefined && drafts[key] !== String(now ?? ""));

  const set = (key: Key, text: string): void => {
    setDrafts((before) => ({ ...before, [key]: text }));
    setErrors((before) => ({ ...before, [key]: undefined }));
  };
  const apply = async (): Promise<void> => {
    const wrong: Drafts = {};
    const done: Key[] = [];
    setBusy(true);
    for (const { key, label, least, most } of changed) {
      const text = drafts[key]!.trim();
      const value = Number(text);
      if (!/^\d+$/.test(text) || value < least || value > most) {
        wrong[key] = `${label} is a whole number from ${least} to ${most}.`;
        continue;
      }
      try {
        if (key === "weight" || key === "cap") await request("setScheduler", { domid, [key]: value });
        else if (key === "vcpus") await request("setVcpus", { domid, vcpus: value });
        else await request("setMemory", { domid, memoryMiB: value });
        done.push(key);
      } catch (error) {
        wrong[key] = sentence(error);
      }
    }
    // The present values are read again before the fields show them.
    await again();
    setDrafts((before) => ({ ...before, ...Object.fromEntries(done.map((key) => [key, undefined])) }));
    setErrors(wrong);
    setBusy(false);
  };

  return (
    <section id="settings" className="card" tabIndex={-1} aria-labelledby="settings-title">
      <h2 id="settings-title">Settings</h2>
      <form
        className="settings"
        onSubmit={(event) => {
          event.preventDefault();
          void apply();
        }}
      >
        {fields.map(({ key, label, unit, now, hint }) => (
          <div key={key} className="setting">
            <label htmlFor={`setting-${key}`}>
              <Term of={TERM_OF[key]}>{label}</Term>
            </label>
            <span className="setting-value">
              <input
                id={`setting-${key}`}
                inputMode="numeric"
                value={drafts[key] ?? String(now ?? "")}
                aria-invalid={errors[key] !== undefined}
                aria-describedby={`setting-${key}-note`}
                onChange={({ target }) => set(key, target.value)}
              />
              <span className="muted">{unit}</span>
            </span>
            <span
              id={`setting-${key}-note`}
              className={errors[key] ? "field-error" : "field-hint"}
              role={errors[key] ? "alert" : undefined}
            >
              {errors[key] ?? hint}
            </span>
          </div>
        ))}
        <div className="button-row">
          <button type="submit" className="primary" disabled={changed.length === 0 || busy}>
            Apply
          </button>
          <button
            type="button"
            disabled={changed.length === 0 || busy}
            onClick={() => {
              setDrafts({});
              setErrors({});
            }}
          >
            Undo
          </button>
        </div>
      </form>
    </section>
  );
}
