/** What there is to say about a config while it is typed, from the toolstack's parser and from a comparison with what the host has. */
import { useEffect, useMemo, useState } from "react";
import { readConfig, type ConfigText } from "../../core/api/config-text.ts";
import type { ConfigDiagnostic } from "../../core/api/schema.ts";
import { useHostRuns } from "../state/live.ts";
import { request } from "../state/session.ts";
import { useApp } from "../state/store.ts";
import { checkAgainstHost, type Finding, type GivenFile } from "./checks.ts";
import { FIELD_OF_KEY, fieldsOf, type Fields } from "./fields.ts";

/** The time after the last key before the config is checked. */
const PAUSE_MS = 120;

export interface Checked {
  parsed: ConfigText;
  fields: Fields;
  /** Errors come first, then the order is that of the text. */
  findings: Finding[];
  /** What the host makes impossible: the fields of these errors. They are known at once, while the parser's findings come a moment later. */
  impossible: ReadonlySet<Finding["field"]>;
  /** Takes what the host said when it was asked to create the domain. */
  tell: (diagnostics: ConfigDiagnostic[]) => void;
}

/** The domain that a config is of already. */
export interface Own {
  name: string;
  /** Names of the files that it has. */
  files: ReadonlySet<string>;
}
const NO_FILES: ReadonlySet<string> = new Set();

/** `own` is the domain that the config belongs to, or null for a new domain. */
export function useChecked(text: string, given: readonly GivenFile[], own: Own | null = null): Checked {
  const runs = useHostRuns();
  const domains = useApp((state) => state.domains);
  const pcpus = useApp(({ host }) => host?.pcpus ?? 1);
  const [diagnostics, setDiagnostics] = useState<ConfigDiagnostic[]>([]);
  const [freeMiB, setFree] = useState<number | null>(null);

  useEffect(() => {
    let current = true;
    const timer = setTimeout(() => {
      request("parseConfig", { config: text }).then(
        (answer) => current && setDiagnostics(answer.diagnostics),
        () => {},
      );
    }, PAUSE_MS);
    return () => {
      current = false;
      clearTimeout(timer);
    };
  }, [text]);

  // How much is free changes with the domains, so it is asked for when they change and not periodically.
  const sizes = domains.map(({ domid, memoryMiB }) => `${domid}:${memoryMiB}`).join();
  useEffect(() => {
    if (!runs) return;
    let current = true;
    request("hostInfo", {}).then(
      (info) => current && setFree(Math.floor(info.freeMemoryMiB)),
      () => {},
    );
    return () => {
      current = false;
    };
  }, [sizes, runs]);

  const names = domains.flatMap(({ name }) => (name === own?.name ? [] : name)).join("\n");
  const known = own?.files ?? NO_FILES;
  return useMemo(() => {
    const parsed = readConfig(text);
    const fields = fieldsOf(parsed);
    const host = { names: new Set(names.split("\n")), pcpus, freeMiB };
    const against = checkAgainstHost(parsed, fields, host, given, known);
    const findings = [...diagnostics.map(findingOf), ...against];
    const rank = ({ severity }: Finding): number => (severity === "error" ? 0 : 1);
    return {
      parsed,
      fields,
      findings: findings.sort((a, b) => rank(a) - rank(b) || a.line - b.line),
      impossible: new Set(against.flatMap(({ severity, field }) => (severity === "error" ? field : []))),
      tell: setDiagnostics,
    };
  }, [text, diagnostics, names, pcpus, freeMiB, given, known]);
}

function findingOf({ severity, message, key, line }: ConfigDiagnostic): Finding {
  return {
    severity,
    message: message.replace(/^line \d+(, column \d+)?: /, ""),
    field: (key === "disk" || key === "vif" || key === "p9" ? key : key !== null && FIELD_OF_KEY[key]) || null,
    line,
  };
}
