/** The configuration of a domain that is to be created, or else a refusal that says all that is wrong with it. */
import path from "node:path";
import type { DeviceKind } from "../dom0/xenbus/kind.ts";
import { Refusal, saidOf } from "./error.ts";
import type { ConfigDiagnostic, CreateOptions, DomainConfig } from "./messages.ts";
import { parseXlConfig } from "./xlcfg.ts";

export function checkedConfig(
  options: Pick<CreateOptions, "config" | "configName">,
  kinds: readonly DeviceKind[],
): {
  config: DomainConfig;
  diagnostics: ConfigDiagnostic[];
} {
  const { config, diagnostics } = parseXlConfig(options.config, [], kinds);
  if (config) return { config, diagnostics };
  const name = options.configName ? `${path.basename(options.configName)}: ` : "";
  throw new Refusal("EINVAL", `${name}${saidOf(diagnostics)}`, diagnostics);
}
