/** The configuration of a domain as libxl's JSON (`xl list -l`, `xl create -n`): libxl_domain_config, without what is libxl's default. */
import type { DomainConfig, DomainInfo, ShutdownAction } from "./messages.ts";

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

/** Converts xl's words for actions to libxl's. */
const action = (xl: ShutdownAction): string => (xl === "rename-restart" ? "restart_rename" : xl.replaceAll("-", "_"));

/** The keys are in libxl's order. Undefined ones are left out, as in all JSON. */
export function libxlJson(config: DomainConfig, scheduler?: { weight: number; cap: number }): object {
  const { limits } = config;
  const unless = <T>(value: T, usual: T): T | undefined => (value === usual ? undefined : value);
  return {
    c_info: { type: config.type, name: config.name, uuid: config.uuid, run_hotplug_scripts: "True" },
    b_info: {
      max_vcpus: config.maxvcpus,
      avail_vcpus: range(config.vcpus),
      vcpu_hard_affinity: config.cpus ?? undefined,
      vcpu_soft_affinity: config.cpusSoft ?? undefined,
      numa_placement: config.cpus || config.cpusSoft ? "False" : undefined,
      tsc_mode: unless(config.tscMode, "default"),
      max_memkb: config.maxmemMiB * 1024,
      target_memkb: config.memoryMiB * 1024,
      event_channels: unless(limits.eventChannels, 1023),
      max_grant_frames: unless(limits.grantFrames, 64),
      max_maptrack_frames: unless(limits.maptrackFrames, 1024),
      max_grant_version: unless(limits.grantVersion, 2),
      sched_params: scheduler
        ? { sched: "credit", ...scheduler }
        : { weight: unless(config.cpuWeight, 256), cap: unless(config.cap, 0) },
      claim_mode: "True",
      kernel: config.kernel,
      cmdline: config.cmdline || undefined,
      ramdisk: config.ramdisk ?? undefined,
      bootloader: config.bootloader?.program,
      bootloader_args: config.bootloader?.arguments.length ? config.bootloader.arguments : undefined,
      "type.pv": {},
      arch_arm: {},
      arch_x86: {},
    },
    on_poweroff: unless(action(config.onPoweroff), "destroy"),
    on_reboot: unless(action(config.onReboot), "destroy"),
    on_watchdog: unless(action(config.onWatchdog), "destroy"),
    on_crash: unless(action(config.onCrash), "destroy"),
    on_soft_reset: unless(action(config.onSoftReset), "destroy"),
  };
}

/** For a domain that runs: its present state. dom0 has no configuration except what can be seen. */
export function libxlConfig(domain: DomainInfo, scheduler: { weight: number; cap: number }): object {
  if (domain.config)
    return libxlJson({ ...domain.config, name: domain.name, uuid: domain.uuid, vcpus: domain.onlineVcpus }, scheduler);
  const kib = Math.round(domain.memoryMiB * 1024);
  return {
    c_info: { type: "pv", name: domain.name },
    b_info: {
      max_vcpus: domain.vcpus,
      avail_vcpus: range(domain.onlineVcpus),
      max_memkb: kib,
      target_memkb: kib,
      sched_params: { sched: "credit", ...scheduler },
      "type.pv": {},
      arch_arm: {},
      arch_x86: {},
    },
  };
}
