/** The history of handshakes, as xenstored records it: over the ring for the guest, and from dom0's own requests for the toolstack. */
import { beforeEach, describe, expect, it } from "vitest";
import {
  Handshakes,
  MOST_DEVICES,
  MOST_DOMAIN_STEPS,
  MOST_ENDED,
  MOST_FIRST,
  MOST_LAST,
  type DeviceHandshake,
} from "../../core/dom0/xenstore/handshakes.ts";
import { LocalXenstore } from "../../core/dom0/xenstore/local.ts";
import { XS } from "../../core/dom0/xenstore/wire.ts";
import { Xenstored } from "../../core/dom0/xenstore/xenstored.ts";
import { RingClient } from "./ring-client.ts";

const FRONT = "/local/domain/5/device/vbd/51712";
const BACK = "/local/domain/0/backend/vbd/5/51712";

let xenstored: Xenstored;
let dom0: LocalXenstore;
let guest: RingClient;
let handshakes: Handshakes;
let now: number;

const vbd = (): DeviceHandshake => handshakes.device(5, "vbd", "51712")!;
/** Writes a step as "frontend 5 state 1>3". */
const lines = ({ list }: DeviceHandshake): string[] =>
  list.map(({ side, by, key, before, after }) => `${side} ${by ?? "-"} ${key || "."} ${before ?? "-"}>${after ?? "-"}`);
const write = (path: string, value: string, transaction = 0): string =>
  guest.request(XS.WRITE, `${path}\0${value}`, transaction);

/** Does what the toolstack does to plug a device in (libxl__device_generic_add). */
function plug(front = FRONT, back = BACK, domid = 5): void {
  dom0.transaction((t) => {
    for (const [path, owner] of [
      [front, domid],
      [back, 0],
    ] as const) {
      dom0.mkdir(path, t);
      dom0.setPermissions(path, [`n${owner}`, `r${owner ? 0 : domid}`], t);
    }
    dom0.writeAll(front, { backend: back, "backend-id": 0, state: 1 }, t);
    dom0.writeAll(back, { frontend: front, "frontend-id": domid, online: 1, state: 1 }, t);
  });
}

beforeEach(() => {
  xenstored = new Xenstored();
  now = 1000;
  handshakes = new Handshakes(xenstored.store, () => now);
  xenstored.onChanges = (by, changes) => handshakes.record(by, changes);
  dom0 = new LocalXenstore(xenstored);
  handshakes.begin(5);
  dom0.mkdir("/local/domain/5");
  dom0.setPermissions("/local/domain/5", ["n0", "r5"]);
  guest = new RingClient(xenstored, 5);
});

describe("the history of a handshake", () => {
  it("has each write of both ends in its order, with its time, who wrote, the old and the new value", () => {
    plug();
    now = 2000;
    dom0.writeAll(BACK, { "feature-flush-cache": 1, state: 2 });
    now = 3000;
    const t = Number(guest.request(XS.TRANSACTION_START, "\0").replace("\0", ""));
    write("device/vbd/51712/ring-ref", "8", t);
    write("device/vbd/51712/event-channel", "15", t);
    expect(vbd().list).toHaveLength(11);
    now = 4000;
    guest.request(XS.TRANSACTION_END, "T\0", t);
    write("device/vbd/51712/state", "3");
    now = 5000;
    dom0.write(`${BACK}/state`, 4);
    write("device/vbd/51712/state", "4");
    expect(lines(vbd())).toEqual([
      "frontend 0 . ->",
      "backend 0 . ->",
      `frontend 0 backend ->${BACK}`,
      "frontend 0 backend-id ->0",
      "frontend 0 state ->1",
      `backend 0 frontend ->${FRONT}`,
      "backend 0 frontend-id ->5",
      "backend 0 online ->1",
      "backend 0 state ->1",
      "backend 0 feature-flush-cache ->1",
      "backend 0 state 1>2",
      "frontend 5 ring-ref ->8",
      "frontend 5 event-channel ->15",
      "frontend 5 state 1>3",
      "backend 0 state 2>4",
      "frontend 5 state 3>4",
    ]);
    expect(vbd().list.map(({ time }) => time)).toEqual([
      ...Array<number>(9).fill(1000),
      2000,
      2000,
      ...Array<number>(3).fill(4000),
      5000,
      5000,
    ]);
    const numbers = vbd().list.map(({ number }) => number);
    expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
    expect(handshakes.of(5)).toMatchObject({
      ended: false,
      moreSteps: 0,
      devices: [{ kind: "vbd", id: "51712", frontendPath: FRONT, backendPath: BACK, frontendState: "4", dropped: 0 }],
    });
  });

  it("takes nothing of a transaction that was given up or met a conflict, nor of permissions", () => {
    plug();
    const before = vbd().latest;
    for (const end of ["F\0", "T\0"]) {
      const t = Number(guest.request(XS.TRANSACTION_START, "\0").replace("\0", ""));
      guest.request(XS.READ, "device/vbd/51712/state\0", t);
      write("device/vbd/51712/state", "6", t);
      dom0.write(`${FRONT}/state`, 1);
      expect(guest.request(XS.TRANSACTION_END, end, t)).toBe(end === "F\0" ? "OK\0" : "!EAGAIN");
    }
    guest.request(XS.SET_PERMS, "device/vbd/51712\0n5\0r0\0");
    const after = vbd().list.filter(({ number }) => number > before);
    expect(after.map(({ by, key, after: value }) => [by, key, value])).toEqual([
      [0, "state", "1"],
      [0, "state", "1"],
    ]);
  });

  it("keeps the first and the last steps of each side of a guest that writes states in a loop, and counts the others", () => {
    plug();
    const least = vbd().list.length;
    for (let i = 0; i < 5000; i++) write("device/vbd/51712/state", String(i % 9));
    dom0.write(`${BACK}/state`, 5);
    dom0.write(`${BACK}/state`, 6);
    const { list, gaps, steps, dropped } = vbd();
    const front = list.filter(({ side }) => side === "frontend");
    expect(front).toHaveLength(MOST_FIRST + MOST_LAST);
    expect(gaps).toEqual([{ side: "frontend", after: front[MOST_FIRST - 1]!.number, count: dropped }]);
    expect(steps + dropped).toBe(least + 5000 + 2);
    expect(front.slice(-3).map(({ after }) => after)).toEqual(["2", "3", "4"]);
    // Everything that the other side did is there.
    expect(lines(vbd()).filter((line) => line.startsWith("backend"))).toEqual(
      expect.arrayContaining(["backend 0 state ->1", "backend 0 state 1>5", "backend 0 state 5>6"]),
    );
  });

  it("bounds devices, steps of a domain, and the length of keys and values", () => {
    dom0.mkdir("/local/domain/5/device");
    dom0.setPermissions("/local/domain/5/device", ["n5"]);
    xenstored.quota.nodes = 1_000_000;
    for (let id = 0; id < MOST_DEVICES + 10; id++)
      for (let i = 0; i < MOST_FIRST + MOST_LAST + 5; i++) write(`device/vif/${id}/state`, "1");
    const { devices, moreSteps } = handshakes.of(5)!;
    expect(devices).toHaveLength(MOST_DEVICES);
    expect(moreSteps).toBe(10 * (MOST_FIRST + MOST_LAST + 5));
    expect(devices.reduce((sum, { steps }) => sum + steps, 0)).toBe(MOST_DOMAIN_STEPS);
    expect(devices.reduce((sum, { steps, dropped }) => sum + steps + dropped, 0)).toBe(
      MOST_DEVICES * (MOST_FIRST + MOST_LAST + 5),
    );
    handshakes.begin(5);
    write("device/vif/0/" + "k".repeat(1000), "\0\xff".repeat(700));
    expect(handshakes.device(5, "vif", "0")!.list).toMatchObject([
      { key: "k".repeat(128), after: "\0\xff".repeat(64), cut: true },
    ]);
  });

  it("hears only of the backend that the frontend names, if that is not dom0's", () => {
    plug();
    handshakes.begin(7);
    const forged = "/local/domain/7/backend/vbd/5/51712";
    dom0.mkdir("/local/domain/7/backend");
    dom0.setPermissions("/local/domain/7/backend", ["n7"]);
    const other = new RingClient(xenstored, 7);
    const { latest } = vbd();
    expect(other.request(XS.WRITE, `${forged}/state\0${4}`)).toBe("OK\0");
    expect(vbd().latest).toBe(latest);
    dom0.write(`${FRONT}/backend`, forged);
    other.request(XS.WRITE, `${forged}/state\0${5}`);
    expect(lines(vbd()).slice(-2)).toEqual([`frontend 0 backend ${BACK}>${forged}`, "backend 7 state 4>5"]);
    // Neither for a domain that never existed.
    dom0.write("/local/domain/99/device/vif/0/state", 1);
    expect(handshakes.of(99)).toBe(null);
  });

  it("tells how a device and its domain ended, and keeps that for the latest domains", () => {
    plug();
    dom0.write("/local/domain/5/console/ring-ref", 77);
    now = 9000;
    dom0.remove(BACK);
    expect(lines(vbd()).at(-1)).toBe("backend 0 . >-");
    expect(handshakes.of(5)!.devices.find(({ kind }) => kind === "vbd")!.backendState).toBe(null);
    // The domain's own nodes go first, together with it. Then dom0 removes what is left.
    xenstored.forgetDomain(5);
    dom0.remove("/local/domain/5");
    handshakes.end(5);
    expect(lines(vbd()).at(-1)).toBe("frontend - . >-");
    expect(lines(handshakes.device(5, "console", "0")!)).toEqual(["frontend 0 ring-ref ->77", "frontend 0 . >-"]);
    expect(handshakes.of(5)).toMatchObject({ ended: true });
    dom0.write(`${FRONT}/state`, 4);
    expect(lines(vbd()).at(-1)).toBe("frontend - . >-");
    for (let domid = 10; domid < 10 + MOST_ENDED; domid++) {
      handshakes.begin(domid);
      handshakes.end(domid);
    }
    expect(handshakes.of(5)).toBe(null);
    expect(handshakes.of(10 + MOST_ENDED - 1)).toMatchObject({ ended: true });
    handshakes.begin(5);
    expect(handshakes.of(5)).toMatchObject({ ended: false, devices: [] });
  });
});
