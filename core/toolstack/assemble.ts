/** Puts dom0 together on the kernel of a native domain: xenstored, backends and toolstack. This runs in dom0's worker, and in tests. */
import { tmpdir } from "node:os";
import { titlesOf } from "../dom0/backends/kinds.ts";
import { Folders } from "../dom0/backends/9p/folders.ts";
import { Disks } from "../dom0/backends/blk/disks.ts";
import { OpenImages, type FrozenImage } from "../dom0/backends/blk/image-register.ts";
import { Consoles } from "../dom0/backends/console/consoles.ts";
import { ConsoleLogFiles } from "../dom0/backends/console/log-files.ts";
import { NativeBuilder } from "../dom0/builder/native.ts";
import { PvBuilder } from "../dom0/builder/pv64.ts";
import { PvhBuilder } from "../dom0/builder/pvh/build.ts";
import { HvmHypercalls } from "../dom0/kernel/hvm.ts";
import { VIRQ_DOM_EXC } from "../abi/xen.ts";
import type { MachineParts } from "../machine/core-instance.ts";
import { Inspector } from "../dom0/kernel/inspector.ts";
import type { NativeKernel } from "../dom0/kernel/kernel.ts";
import { Observer } from "../dom0/kernel/observe.ts";
import type { StatisticsArea } from "../dom0/kernel/statistics.ts";
import { Screens } from "../dom0/display/screens.ts";
import { Networks } from "../dom0/network/networks.ts";
import { NativeThreads } from "../dom0/native/threads.ts";
import { clearScratches } from "../dom0/storage/scratch.ts";
import { BackendDevices } from "../dom0/xenbus/devices.ts";
import type { DeviceKind } from "../dom0/xenbus/kind.ts";
import { NO_RECORDS } from "../dom0/xenbus/request-record.ts";
import { XenstoreDomains } from "../dom0/xenstore/domains.ts";
import { Handshakes } from "../dom0/xenstore/handshakes.ts";
import { LocalXenstore } from "../dom0/xenstore/local.ts";
import { Xenstored } from "../dom0/xenstore/xenstored.ts";
import { DomainDevices } from "./devices.ts";
import { DiskBoot } from "./disk-boot.ts";
import { DriverDomains } from "./driver-domains.ts";
import { errorData } from "./error.ts";
import { HeldDomains } from "./held-domains.ts";
import { Holds } from "./holds.ts";
import { HotPlug } from "./hot-plug.ts";
import { readStoreMemory } from "./domain-store.ts";
import { Crashes } from "./inspect/crashes.ts";
import { Inspection } from "./inspect/inspection.ts";
import { KernelSymbols } from "./inspect/kernel-symbols.ts";
import { Lifecycle, type Emit } from "./lifecycle.ts";
import { Reports } from "./reports.ts";
import { Saving } from "./saving.ts";
import { Service } from "./service.ts";
import { Wiring } from "./wiring.ts";

export interface Dom0Parts {
  kernel: Omit<NativeKernel, "run">;
  /** For the threads of other native domains, which there can't be without it. */
  machine?: MachineParts;
  kinds: readonly DeviceKind[];
  consoleLogBytes?: number | undefined;
  /** For files that are removed again when dom0 no longer needs them. If it is not given, the system's folder for temporary files is used. */
  scratchFolder?: string | undefined;
  /** The folder for files with what domains write on their consoles. If it is not given, nothing is kept in files. */
  consoleFolder?: string | undefined;
  /** Images that nobody may write to. */
  frozen?: readonly FrozenImage[];
  /** null where the hypervisor keeps no statistics that could be read, as in tests with a double. */
  statistics: StatisticsArea | null;
  emit: Emit;
  /** Called when a part of dom0 is ready. */
  onStage?: (name: string) => void;
}

export interface Dom0 {
  xenstored: Xenstored;
  store: LocalXenstore;
  lifecycle: Lifecycle;
  driverDomains: DriverDomains;
  networks: Networks;
  service: Service;
}

export function assembleDom0({
  kernel,
  machine,
  kinds,
  consoleLogBytes,
  scratchFolder,
  consoleFolder,
  frozen = [],
  statistics,
  emit,
  onStage,
}: Dom0Parts): Dom0 {
  const { domid, memory, frames, hypercalls, events, grants, foreign, now } = kernel;
  const xenstored = new Xenstored();
  const storeDomains = new XenstoreDomains(xenstored, hypercalls, events, grants);
  const store = new LocalXenstore(xenstored);
  const handshakes = new Handshakes(xenstored.store, now, titlesOf(kinds));
  xenstored.onChanges = (by, changes) => handshakes.record(by, changes);
  store.writeAll(`/local/domain/${domid}`, { name: "Domain-0", domid });
  onStage?.("xenstored");

  const consoles = new Consoles(consoleLogBytes);
  if (consoleFolder !== undefined) {
    const files = new ConsoleLogFiles(consoleFolder, (message) =>
      emit("notice", { severity: "warning", message, domid: null }),
    );
    consoles.onOutput((each, bytes, _offset, number) => {
      if (number === 0) files.append(consoles.name(each) ?? `domain ${each}`, bytes);
    });
  }
  const networks = new Networks(() => now() / 1e6);
  const images = new OpenImages();
  // No host but this one uses a folder that it was given; the system's folder belongs to all.
  if (scratchFolder !== undefined) clearScratches(scratchFolder);
  const scratches = scratchFolder ?? tmpdir();
  const disks = new Disks(scratches, images);
  const folders = new Folders();
  images.freeze(frozen);
  const screens = new Screens();
  const holds: Holds = new Holds(hypercalls, emit, () => service.domainsChanged());
  const backends = new BackendDevices(
    {
      domid,
      memory,
      events,
      grants,
      foreign,
      store,
      services: { consoles, disks, folders, holds, networks, records: NO_RECORDS, screens },
      now,
    },
    kinds,
    // xenstored refuses dom0 no watch.
    (error) => {
      throw error;
    },
  );
  const isNative = (each: number): boolean => lifecycle.domains.get(each)?.type === "native";
  const devices: DomainDevices = new DomainDevices(
    store,
    kinds,
    (name): number | null => reports.find(name),
    isNative,
    (address, { scratch }) => threads.deviceGone(address, scratch === undefined ? null : String(scratch)),
  );
  const builders = {
    pv: new PvBuilder(hypercalls, foreign),
    pvh: new PvhBuilder(new HvmHypercalls(hypercalls), foreign, memory),
  };
  const threads: NativeThreads = new NativeThreads({
    machine: machine ?? null,
    script: new URL("native.js", import.meta.url),
    hypercalls,
    services: { register: images, holds, scratchFolder: scratches },
    onError: (each, error) => {
      const told = error.stack ?? error.message;
      consoles.output(each, Buffer.from(`${told.replace(/\n/g, "\r\n")}\r\n`, "utf8"));
      const message = `The thread of ${reports.name(each)} has ended by an error: ${error.message}`;
      emit("notice", { severity: "error", message, domid: each });
    },
    onNotCleared: (each, error) => {
      const message = `The thread of ${reports.name(each)} has ended, but not everything of it could be cleared away: ${errorData(error).message}`;
      emit("notice", { severity: "error", message, domid: each });
    },
  });
  const diskBoot = new DiskBoot({ disks, consoles, backends });
  const pcpus = hypercalls.host.physicalInfo().nrCpus;
  const observer = new Observer(hypercalls, foreign, frames);
  const driverDomains = new DriverDomains({
    store,
    devices,
    observer,
    foreign,
    memory,
    replace: (address) => hotPlug.replace(address),
    notice: (severity, message, each) => emit("notice", { severity, message, domid: each }),
  });
  const lifecycle: Lifecycle = new Lifecycle({
    hypercalls,
    store,
    handshakes,
    consoles,
    devices,
    backends,
    builders,
    native: new NativeBuilder(hypercalls, foreign, threads),
    threads,
    crashed: (each) => crashes.take(each),
    diskBoot,
    driverDomains,
    emit,
    pcpus,
  });
  const hotPlug: HotPlug = new HotPlug(lifecycle, devices, store, backends);
  const saving = new Saving({ hypercalls, frames: foreign, store, lifecycle, devices, backends, consoles, emit });
  const held = new HeldDomains(lifecycle.shells, emit);
  const reports: Reports = new Reports(
    hypercalls,
    lifecycle.domains,
    now,
    statistics,
    (each) => readStoreMemory(store, each),
    backends,
    (each) => holds.reason(each),
    (each) => held.isShell(each),
  );
  xenstored.onTrouble = (each, message) => emit("notice", { severity: "warning", message, domid: each });
  const wiring = new Wiring({
    domid,
    hypercalls,
    events,
    observer,
    devices,
    backends,
    reportedBy: (each) => threads.devices(each),
    xenstored,
    storeDomains,
    store,
    handshakes,
    nameOf: (each) => reports.name(each),
    now,
  });
  const symbols = new KernelSymbols(lifecycle.domains);
  const inspection = new Inspection({
    hypercalls,
    hvm: new HvmHypercalls(hypercalls),
    inspector: new Inspector(hypercalls, frames),
    observer,
    isNative: (each) => each === domid || isNative(each),
    symbols,
    now,
  });
  const crashes: Crashes = new Crashes({
    inspection,
    symbols,
    lastVcpu: (each) => hypercalls.domains.info(each)?.maxVcpuId ?? null,
  });
  const service: Service = new Service({
    hypercalls,
    backends,
    disks,
    images,
    store,
    xenstored,
    storeDomains,
    handshakes,
    consoles,
    devices,
    networks,
    threads,
    screens,
    lifecycle,
    saving,
    held,
    reports,
    wiring,
    inspection,
    crashes,
    diskBoot,
    hotPlug,
    emit,
  });
  events.bindVirq(VIRQ_DOM_EXC, () => storeDomains.domainException());
  return { xenstored, store, lifecycle, driverDomains, networks, service };
}
