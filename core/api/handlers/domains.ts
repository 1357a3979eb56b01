/** Carries out requests about domains. */
import { parseXlConfig } from "../../toolstack/xlcfg.ts";
import type { DOMAIN_REQUESTS } from "../requests/domains.ts";
import type { HandlersOf } from "../requests/request.ts";
import type { Checked, Results } from "../requests/table.ts";
import { checkNamed, givenFiles, passTo, type SessionContext } from "./context.ts";

export function domainHandlers(session: SessionContext): HandlersOf<typeof DOMAIN_REQUESTS> {
  const { host } = session;
  const pass = passTo(host);
  const update = pass("updateConfig");
  return {
    list: pass("list"),
    vcpuList: pass("vcpuList"),
    resolve: pass("resolve"),
    parseConfig: ({ config }) => parseXlConfig(config),
    create: (args) => create(session, args),
    createCancel: pass("createCancel"),
    createBundled: ({ vcpus }) => host.createBundled(vcpus ?? 1),
    shutdown: pass("shutdown"),
    pause: pass("pause"),
    unpause: pass("unpause"),
    destroy: pass("destroy"),
    rename: async ({ domid, name }) => {
      await host.kept.renameRunning(domid, name);
      return null;
    },
    setScheduler: pass("setScheduler"),
    domainSettings: pass("domainSettings"),
    setAffinity: pass("setAffinity"),
    setMaxMemory: pass("setMaxMemory"),
    sysrq: pass("sysrq"),
    trigger: pass("trigger"),
    updateConfig: async (args) => {
      const result = await update(args);
      await host.kept.changedRunning(args.domid);
      return result;
    },
    setVcpus: pass("setVcpus"),
    setMemory: pass("setMemory"),
    stops: () => [...host.stops.all],
    crashReport: ({ domid }) => host.crashes.of(domid),
  };
}

function create(
  session: SessionContext,
  { config, configName, files: ids, paused }: Checked<"create">,
): Promise<Results["create"]> {
  const files = givenFiles(session, ids);
  checkNamed(session, config, new Set(Object.keys(files)));
  return session.host.kept.create({
    config,
    ...(configName !== undefined && { configName }),
    files,
    paused: paused ?? false,
  });
}
