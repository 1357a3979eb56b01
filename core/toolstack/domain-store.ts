/** The part of xenstore that belongs to a domain, as libxl writes it (docs/misc/xenstore-paths). */
import type { LocalXenstore } from "../dom0/xenstore/local.ts";
import type { DomainConfig } from "./messages.ts";

export interface StorePorts {
  storeMfn: number;
  storePort: number;
}

/** Converts to UTF-8 with one character for each byte, which is how xenstore's values are kept here. */
function bytes(text: string): string {
  return Buffer.from(text).toString("latin1");
}

/** Writes the directories and nodes that the guest may read, and those that it may write. */
export function writeDomainStore(store: LocalXenstore, domid: number, config: DomainConfig): void {
  const dom = `/local/domain/${domid}`;
  const vm = `/vm/${config.uuid}`;
  const readable = ["n0", `r${domid}`];
  const own = [`n${domid}`];
  store.transaction((t) => {
    store.remove(dom, t);
    const make = (path: string, permissions: string[], value?: string): void => {
      if (value === undefined) store.mkdir(path, t);
      else store.write(path, value, t);
      store.setPermissions(path, permissions, t);
    };
    make(dom, readable);
    make(vm, readable);
    make(`/libxl/${domid}`, ["n0"]);
    for (const name of ["cpu", "memory", "device", "control", "backend"]) make(`${dom}/${name}`, readable);
    for (const name of ["shutdown", "feature-poweroff", "feature-reboot", "feature-suspend", "sysrq"])
      make(`${dom}/control/${name}`, own, "");
    make(`${dom}/device/suspend`, readable);
    make(`${dom}/device/suspend/event-channel`, own, "");
    const toolstack = config.driverDomain ? ["libxl", "device-model"] : [];
    for (const name of ["data", "drivers", "feature", "attr", "error", ...toolstack]) make(`${dom}/${name}`, own);
    make(`${dom}/vm`, readable, vm);
    make(`${dom}/name`, readable, bytes(config.name));
    make(`${dom}/domid`, readable, String(domid));
    make(`${dom}/control/platform-feature-multiprocessor-suspend`, readable, "1");
    make(`${dom}/control/platform-feature-xs_reset_watches`, readable, "1");
    store.writeAll(vm, { uuid: config.uuid, name: bytes(config.name), start_time: (Date.now() / 1000).toFixed(2) }, t);
    store.writeAll(
      `${vm}/image`,
      {
        ostype: "linux",
        kernel: bytes(config.kernel),
        ramdisk: config.ramdisk === null ? undefined : bytes(config.ramdisk),
        cmdline: bytes(config.cmdline) || undefined,
      },
      t,
    );
    store.writeAll(`/libxl/${domid}`, { type: config.type, "dm-version": "qemu_xen" }, t);
    store.writeAll(
      `${dom}/memory`,
      { "static-max": config.maxmemMiB * 1024, target: config.memoryMiB * 1024, videoram: 0 },
      t,
    );
    for (let cpu = 0; cpu < config.maxvcpus; cpu++)
      make(`${dom}/cpu/${cpu}/availability`, readable, cpu < config.vcpus ? "online" : "offline");
  });
}

/** Writes the ring and the port of xenstore itself, which are known when the domain has been built. */
export function writeStoreRing(store: LocalXenstore, domid: number, ports: StorePorts): void {
  const directory = `/local/domain/${domid}/store`;
  store.transaction((t) => {
    store.mkdir(directory, t);
    store.setPermissions(directory, [`n${store.connection.domid}`, `r${domid}`], t);
    store.writeAll(directory, { port: ports.storePort, "ring-ref": ports.storeMfn }, t);
  });
}

export function renameDomainStore(store: LocalXenstore, domid: number, uuid: string, name: string): void {
  store.transaction((t) => {
    store.write(`/local/domain/${domid}/name`, bytes(name), t);
    store.write(`/vm/${uuid}/name`, bytes(name), t);
  });
}

/** The domain has got another UUID. Its part below /vm, whose name is the UUID, is moved. */
export function moveDomainStore(store: LocalXenstore, domid: number, from: string, to: string): void {
  store.transaction((t) => {
    const copy = (path: string): void => {
      const there = `/vm/${to}${path}`;
      store.write(there, store.read(`/vm/${from}${path}`, t) ?? "", t);
      for (const name of store.list(`/vm/${from}${path}`, t)) copy(`${path}/${name}`);
    };
    copy("");
    store.setPermissions(`/vm/${to}`, ["n0", `r${domid}`], t);
    store.write(`/vm/${to}/uuid`, to, t);
    store.write(`/local/domain/${domid}/vm`, `/vm/${to}`, t);
    store.remove(`/vm/${from}`, t);
  });
}

export function removeDomainStore(store: LocalXenstore, domid: number, uuid: string): void {
  for (const path of [`/local/domain/${domid}`, `/vm/${uuid}`, `/libxl/${domid}`]) store.remove(path);
}

/** What a domain was told about its memory, in MiB. A value is null if its node does not exist or contains no number. */
export interface StoreMemory {
  memoryTargetMiB: number | null;
  staticMaxMiB: number | null;
}

export function readStoreMemory(store: LocalXenstore, domid: number): StoreMemory {
  const mebibytes = (name: string): number | null => {
    const text = store.read(`/local/domain/${domid}/memory/${name}`);
    return text !== null && /^\d{1,12}$/.test(text) ? Math.round(Number(text) / 1024) : null;
  };
  return { memoryTargetMiB: mebibytes("target"), staticMaxMiB: mebibytes("static-max") };
}
