import { useState } from "react";
import type { DomainInfo } from "../../core/api/schema.ts";
import { request, sentence } from "../state/session.ts";
import { usePolled } from "../state/polled.ts";
import { Term } from "../glossary/Term.tsx";
import { settingsOf, TERM_OF, valueOf, type Setting, type SettingKey } from "./settings.ts";

type Drafts = Partial<Record<SettingKey, string>>;

/** Edits what can be changed while the domain runs. */
export function EditLive({ domain }: { domain: DomainInfo }) {
  const { domid } = domain;
  const { value: settings, again } = usePolled("domainSettings", { domid });
  return (
    <section id="settings" className="card" tabIndex={-1} aria-labelledby="settings-title">
      <h2 id="settings-title">Settings</h2>
      {settings ? (
        <SettingsForm domid={domid} settings={settingsOf(settings, domain)} again={again} />
      ) : (
        <p className="muted">Asking…</p>
      )}
    </section>
  );
}

function SettingsForm({
  domid,
  settings,
  again,
}: {
  domid: number;
  settings: readonly Setting[];
  again: () => Promise<void>;
}) {
  const [drafts, setDrafts] = useState<Drafts>({});
  const [errors, setErrors] = useState<Drafts>({});
  const [busy, setBusy] = useState(false);
  const changed = settings.filter(({ key, now }) => drafts[key] !== undefined && drafts[key] !== String(now ?? ""));

  const set = (key: SettingKey, text: string): void => {
    setDrafts((before) => ({ ...before, [key]: text }));
    setErrors((before) => ({ ...before, [key]: undefined }));
  };
  const apply = async (): Promise<void> => {
    const wrong: Drafts = {};
    const done: SettingKey[] = [];
    setBusy(true);
    for (const setting of changed) {
      const { key } = setting;
      const value = valueOf(drafts[key]!.trim(), setting);
      if (typeof value === "string") {
        wrong[key] = value;
        continue;
      }
      try {
        await setSetting(domid, key, value);
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
    <form
      className="settings"
      onSubmit={(event) => {
        event.preventDefault();
        void apply();
      }}
    >
      {settings.map((setting) => (
        <SettingField
          key={setting.key}
          setting={setting}
          draft={drafts[setting.key]}
          error={errors[setting.key]}
          onChange={(text) => set(setting.key, text)}
        />
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
  );
}

function SettingField({
  setting: { key, label, unit, now, hint },
  draft,
  error,
  onChange,
}: {
  setting: Setting;
  draft: string | undefined;
  error: string | undefined;
  onChange: (text: string) => void;
}) {
  return (
    <div className="setting">
      <label htmlFor={`setting-${key}`}>
        <Term of={TERM_OF[key]}>{label}</Term>
      </label>
      <span className="setting-value">
        <input
          id={`setting-${key}`}
          inputMode="numeric"
          value={draft ?? String(now ?? "")}
          aria-invalid={error !== undefined}
          aria-describedby={`setting-${key}-note`}
          onChange={({ target }) => onChange(target.value)}
        />
        <span className="muted">{unit}</span>
      </span>
      <span
        id={`setting-${key}-note`}
        className={error ? "field-error" : "field-hint"}
        role={error ? "alert" : undefined}
      >
        {error ?? hint}
      </span>
    </div>
  );
}

function setSetting(domid: number, key: SettingKey, value: number): Promise<unknown> {
  if (key === "weight" || key === "cap") return request("setScheduler", { domid, [key]: value });
  return key === "vcpus"
    ? request("setVcpus", { domid, vcpus: value })
    : request("setMemory", { domid, memoryMiB: value });
}
