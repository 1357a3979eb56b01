/** What a native domain's thread leaves: it goes with the disk that it belongs to, whether there is a thread then or not, and with the domain. */
import { existsSync, readdirSync, readlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { Leftovers } from "../../../core/dom0/native/leftovers.ts";
import { DEVICE_KINDS } from "../../../core/dom0/backends/kinds.ts";
import { temporaryFolder } from "../../temporary.ts";
import { fakeHost } from "../xenbus/host.ts";

const folder = temporaryFolder("leftovers");
const BYTES = 1 << 20;
const DEVICE = "5/vbd/6/51712";

/** How many scratch files in the folder this process has open. They have no names. */
function open(): number {
  return readdirSync("/proc/self/fd").filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith(`${folder}/`);
    } catch {
      return false;
    }
  }).length;
}

describe.skipIf(process.platform !== "linux")("the scratch file of a disposable disk", () => {
  it("goes when the disk goes while there is no thread", async () => {
    const leftovers = new Leftovers();
    await leftovers.scratch("a", folder, BYTES);
    await leftovers.scratch("b", folder, BYTES);
    await leftovers.threadEnded();
    expect(open()).toBe(2);
    await leftovers.deviceGone(DEVICE, "a");
    expect(open()).toBe(1);
    // The next thread goes on with the other.
    await leftovers.scratch("b", folder, BYTES);
    await leftovers.close();
    expect(open()).toBe(0);
  });

  it("stays as long as a thread has it, and goes when it is given back, or when that thread has ended", async () => {
    for (const end of [
      (leftovers: Leftovers) => leftovers.dropScratch("a"),
      (leftovers: Leftovers) => leftovers.threadEnded(),
    ]) {
      const leftovers = new Leftovers();
      await leftovers.scratch("a", folder, BYTES);
      await leftovers.deviceGone(DEVICE, "a");
      expect(open()).toBe(1);
      await end(leftovers);
      expect(open()).toBe(0);
    }
  });
});

it("records of a device's requests go with it, and those of others stay", () => {
  const leftovers = new Leftovers();
  const record = (key: string): SharedArrayBuffer => leftovers.record(key, "ring", 64);
  const [own, other] = [record(`${DEVICE}/0`), record(`${DEVICE}0/0`)];
  void leftovers.deviceGone(DEVICE, null);
  expect(record(`${DEVICE}/0`)).not.toBe(own);
  expect(record(`${DEVICE}0/0`)).toBe(other);
});

it("files of a host that was killed are gone at the next start, and nothing else is", () => {
  const [left, other] = ["6f0f3a53-0000-4000-8000-000000000000.scratch", "notes.txt"].map((name) =>
    path.join(folder, name),
  ) as [string, string];
  for (const file of [left, other]) writeFileSync(file, "x");
  fakeHost(DEVICE_KINDS, { scratchFolder: folder }).events.stop();
  expect([left, other].map((file) => existsSync(file))).toEqual([false, true]);
  fakeHost(DEVICE_KINDS, { scratchFolder: path.join(folder, "gone") }).events.stop();
});
