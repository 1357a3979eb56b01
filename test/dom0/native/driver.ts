/**
 * The backends of a native driver domain on the fake hypervisor, in the test's own thread. Its xenstored is behind a ring, as that of a real one: so
 * whatever it reads or writes there takes several turns of the event loop, in which its frontends go on.
 */
import { tmpdir } from "node:os";
import { BLK } from "../../../core/dom0/backends/blk/kind.ts";
import { Disks } from "../../../core/dom0/backends/blk/disks.ts";
import { NET } from "../../../core/dom0/backends/net/kind.ts";
import type { DeviceServices } from "../../../core/dom0/backends/services.ts";
import { Departures } from "../../../core/dom0/native/departures.ts";
import { DriverDisks } from "../../../core/dom0/native/driver-disks.ts";
import type { DriverDisk } from "../../../core/dom0/native/messages.ts";
import { XenstoreClient } from "../../../core/dom0/native/xenstore-client.ts";
import { Scratch } from "../../../core/dom0/storage/scratch.ts";
import { ForeignFrames } from "../../../core/dom0/kernel/native.ts";
import { Networks } from "../../../core/dom0/network/networks.ts";
import { BackendDevices } from "../../../core/dom0/xenbus/devices.ts";
import type { Nodes } from "../../../core/dom0/xenbus/kind.ts";
import { NO_RECORDS } from "../../../core/dom0/xenbus/request-record.ts";
import { Connection } from "../../../core/dom0/xenstore/connection.ts";
import { RingTransport } from "../../../core/dom0/xenstore/ring.ts";
import type { FakeHost } from "../xenbus/host.ts";

const DRIVER = 5;

export interface Driver {
  devices: BackendDevices;
  store: XenstoreClient;
  /** What the thread of a real one would have ended by. */
  crashes: unknown[];
  /** Writes both directories of a device, as the toolstack does. Returns the backend's. */
  add(kind: string, front: number, id: number, nodes: Nodes): string;
  state(back: string): string | null;
  /** Why a device has failed, as it stands in xenstore. */
  errorOf(back: string): string | null;
}

export function driverDomain(host: FakeHost, disks: readonly DriverDisk[] = []): Driver {
  const { store: dom0, xenstored, memory, hypercalls, events, grants } = host;
  dom0.mkdir(`/local/domain/${DRIVER}`);
  dom0.setPermissions(`/local/domain/${DRIVER}`, [`n${DRIVER}`]);
  const crashes: unknown[] = [];
  const page = new SharedArrayBuffer(4096);
  const ring = new RingTransport(xenstored, page, 0, () =>
    setImmediate(() => {
      try {
        store.service();
      } catch (error) {
        crashes.push(error);
      }
    }),
  );
  ring.attach(new Connection(DRIVER, (path, token) => ring.sendEvent(path, token)));
  const store = new XenstoreClient(page, 0, () => setImmediate(() => ring.service()));
  const crash = (error: unknown): void => void crashes.push(error);
  const services = {
    disks: new DriverDisks(new Disks(tmpdir()), disks, { open: (_, bytes) => Scratch.create(tmpdir(), bytes) }),
    holds: { hold: () => {}, release: () => {} },
    records: NO_RECORDS,
    networks: new Networks(() => performance.now()),
  } as unknown as DeviceServices;
  const foreign = new ForeignFrames(hypercalls);
  const devices = new BackendDevices(
    { domid: DRIVER, memory, events, grants, foreign, store, services, now: () => performance.now() * 1e6 },
    [BLK, NET],
    crash,
  );
  new Departures(store, DRIVER, crash, crash);
  return {
    devices,
    store,
    crashes,
    add(kind, front, id, nodes) {
      const [frontend, back] = [
        `/local/domain/${front}/device/${kind}/${id}`,
        `/local/domain/${DRIVER}/backend/${kind}/${front}/${id}`,
      ];
      dom0.transaction((t) => {
        dom0.mkdir(frontend, t);
        dom0.setPermissions(frontend, [`n${front}`, `r${DRIVER}`], t);
        dom0.writeAll(frontend, { backend: back, "backend-id": DRIVER, state: 1 }, t);
        dom0.mkdir(back, t);
        dom0.setPermissions(back, [`n${DRIVER}`, `r${front}`], t);
        dom0.writeAll(back, { frontend, "frontend-id": front, online: 1, state: 1, ...nodes }, t);
      });
      return back;
    },
    state: (back) => dom0.read(`${back}/state`),
    errorOf: (back) => dom0.read(`${back.replace("/backend/", "/error/backend/")}/error`),
  };
}
