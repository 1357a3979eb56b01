/** Carries out requests about domains. */
import { parseXlConfig } from "../../toolstack/xlcfg.ts";
import { ApiFailure } from "../failure.ts";
import type { DOMAIN_REQUESTS } from "../requests/domains.ts";
import type { HandlersOf } from "../requests/request.ts";
import type { Checked, Results } from "../requests/table.ts";
import { passTo, type SessionContext } from "./context.ts";

export function domainHandlers(session: SessionContext): HandlersOf<typeof DOMAIN_REQUESTS> {
  const { host } = session;
  const pass = passTo(host);
  return {
    list: pass("list"),
    vcpuList: pass("vcpuList"),
    resolve: pass("resolve"),
    parseConfig: ({ config }) => parseXlConfig(config),
    create: (args) => create(session, args),
    createCancel: pass("createCancel"),
    createBundled: ({ vcpus }) => host.createBundled(vcpus ?? 1),
    startAgain: pass("startAgain"),
    shutdown: pass("shutdown"),
    pause: pass("pause"),
    unpause: pass("unpause"),
    destroy: pass("destroy"),
    rename: pass("rename"),
    setScheduler: pass("setScheduler"),
    domainSettings: pass("domainSettings"),
    setAffinity: pass("setAffinity"),
    setMaxMemory: pass("setMaxMemory"),
    sysrq: pass("sysrq"),
    trigger: pass("trigger"),
    updateConfig: pass("updateConfig"),
    setVcpus: pass("setVcpus"),
    setMemory: pass("setMemory"),
    stops: () => [...host.stops.all],
    crashReport: ({ domid }) => host.crashes.of(domid),
  };
}

function create(
  { host, files: given, hostFiles }: SessionContext,
  { config, configName, files, paused }: Checked<"create">,
): Promise<Results["create"]> {
  const contents: Record<string, Uint8Array> = {};
  for (const [name, id] of Object.entries(files ?? {})) contents[name] = given.whole(id).bytes;
  if (!hostFiles.mayNameAll) {
    const parsed = parseXlConfig(config).config;
    const images = parsed && !parsed.bootloader ? [parsed.kernel, parsed.ramdisk] : [];
    for (const device of parsed?.devices ?? []) hostFiles.checkDevice(device);
    for (const file of images)
      if (file !== null && !Object.hasOwn(contents, file))
        throw new ApiFailure("EACCES", `${file} was not given with the config: drop the file on the window too.`);
  }
  return host.toolstack.request("create", {
    config,
    ...(configName !== undefined && { configName }),
    files: contents,
    paused: paused ?? false,
  });
}
