/** The rings' indices, which a frontend can overwrite at any time. */
import { describe, expect, it } from "vitest";
import {
  XEN_9PFS_DATA_INTF_IN_CONS,
  XEN_9PFS_DATA_INTF_OUT_CONS,
  XEN_9PFS_DATA_INTF_OUT_PROD,
} from "../../../../core/abi/io_9pfs.ts";
import { FlexRing } from "../../../../core/dom0/backends/9p/ring.ts";
import { RingError } from "../../../../core/dom0/xenbus/back-ring.ts";

const PAGE = 4096;

function ring(): { ring: FlexRing; set: (offset: number, value: number) => void } {
  const buffer = new SharedArrayBuffer(3 * PAGE);
  const words = new Int32Array(buffer);
  return {
    ring: new FlexRing(buffer, 0, [PAGE, 2 * PAGE]),
    set: (offset, value) => void (words[offset >> 2] = value),
  };
}

describe("the rings of a 9pfs connection", () => {
  it("bring no more than they have, and nothing back that was taken", () => {
    const { ring: made, set } = ring();
    set(XEN_9PFS_DATA_INTF_OUT_PROD, 100);
    expect(made.available()).toBe(100);
    made.take(60);
    expect(made.available()).toBe(40);
    // The frontend's own consumer index is ignored.
    set(XEN_9PFS_DATA_INTF_OUT_CONS, 90);
    expect(made.available()).toBe(40);
    set(XEN_9PFS_DATA_INTF_OUT_PROD, 59);
    expect(() => made.available()).toThrow(RingError);
    set(XEN_9PFS_DATA_INTF_OUT_PROD, 60);
    expect(made.available()).toBe(0);
    made.giveBack(60);
    set(XEN_9PFS_DATA_INTF_OUT_PROD, 60 + made.size);
    expect(made.available()).toBe(made.size);
    set(XEN_9PFS_DATA_INTF_OUT_PROD, 61 + made.size);
    expect(() => made.available()).toThrow(RingError);
  });

  it("have room for what the frontend has read, and it can't have read more", () => {
    const { ring: made, set } = ring();
    expect(made.room()).toBe(made.size);
    made.publish(100);
    expect(made.room()).toBe(made.size - 100);
    set(XEN_9PFS_DATA_INTF_IN_CONS, 100);
    expect(made.room()).toBe(made.size);
    set(XEN_9PFS_DATA_INTF_IN_CONS, 101);
    expect(() => made.room()).toThrow(RingError);
  });
});
