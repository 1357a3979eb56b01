/** A day of figures: measured on a real host, kept across restarts of the application, and robust against what may happen to files on a disk. */
import {
  appendFileSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmdirSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { crc32 } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { builtHost } from "../built-host.ts";
import { temporaryFolder } from "../temporary.ts";
import { HistoryFiles, MOST_EVENTS } from "../../core/api/history/files.ts";
import { KeptMinutes, keepWithin, MOST_BYTES, MOST_DOMAINS } from "../../core/api/history/kept.ts";
import {
  DOMAIN_METRICS,
  joined,
  KEPT_MINUTES,
  merged,
  minuteBytes,
  MOST_KEPT_VCPUS,
  readMinute,
  type Minute,
} from "../../core/api/history/minutes.ts";
import type { HistoryReport } from "../../core/api/history/recorder.ts";
import { DEFAULT_BOOT_CONFIG } from "../../core/toolstack/boot-config.ts";
import type { HostService } from "../../core/api/host-service.ts";

const root = path.resolve(import.meta.dirname, "../..");
const folder = (): string => temporaryFolder("history");

function service(where: string): HostService {
  return builtHost({ history: { folder: where, sampleMilliseconds: 50 } });
}
function minutesOf(report: HistoryReport): Minute[] {
  const size = minuteBytes(report.metrics.length, report.vcpus);
  return Array.from({ length: report.records.length / size }, (_, i) =>
    readMinute(report.records.subarray(i * size), report.metrics.length, report.vcpus),
  );
}
const samples = (report: HistoryReport): number => minutesOf(report).reduce((sum, each) => sum + each.samples, 0);

describe("a host's history", () => {
  const where = folder();
  let uuid: string;
  let before: HistoryReport;

  beforeAll(async () => {
    const host = service(where);
    await host.powerOn();
    const created = await host.createBundled(2);
    uuid = created.uuid;
    await host.toolstack.request("setMemory", { domid: created.domid, memoryMiB: 24 });
    await vi.waitFor(async () => {
      // An idle guest makes none.
      await host.toolstack.request("consoleInput", { domid: created.domid, bytes: Buffer.from("hypercalls 1000\r") });
      const report = (await host.history.report(uuid))!;
      expect(samples(report)).toBeGreaterThan(4);
      const { values } = minutesOf(report).at(-1)!;
      expect(values[3 * DOMAIN_METRICS.indexOf("hypercalls") + 1]).toBeGreaterThan(1);
      expect(values[9]).toBe(24);
    }, 60_000);
    await host.powerOff(0);
    before = (await host.history.report(uuid))!;
  });

  it("has least, mean and largest of what was measured", () => {
    expect(before.metrics).toEqual(DOMAIN_METRICS);
    for (const { values, minute } of minutesOf(before)) {
      expect(Math.abs(minute - Date.now() / 60_000)).toBeLessThan(5);
      for (let i = 0; i < values.length; i += 3) {
        expect(values[i]).toBeLessThanOrEqual(values[i + 1]! * 1.000001);
        expect(values[i + 1]).toBeLessThanOrEqual(values[i + 2]! * 1.000001);
      }
      expect([...values.subarray(6, 9)]).toEqual([32, 32, 32]);
      // The memory target (before and after it was set) and the static maximum, as xenstore has them.
      expect([24, 32]).toContain(values[9]);
      expect([...values.subarray(12, 15)]).toEqual([32, 32, 32]);
    }
    expect(before.events.map(({ title }) => title)).toContain("mini-1 was created");
  });

  it("has what each vCPU did with its time, and exits by cause", () => {
    const last = minutesOf(before).at(-1)!;
    expect(before.vcpus).toBe(2);
    for (const vcpu of [0, 1]) {
      const states = [...last.vcpus.subarray(3 * vcpu, 3 * vcpu + 3)];
      for (const percent of states) expect(percent).toBeGreaterThanOrEqual(0);
      // It comes up during the first measurements. Until then it is offline.
      expect(states.reduce((sum, percent) => sum + percent, 0)).toBeGreaterThan(vcpu === 0 ? 50 : 0);
      expect(states.reduce((sum, percent) => sum + percent, 0)).toBeLessThan(110);
    }
    const of = (metric: (typeof DOMAIN_METRICS)[number]): number =>
      last.values[3 * DOMAIN_METRICS.indexOf(metric) + 1]!;
    // Each of its hypercalls is a SYSCALL, and its ticks are hypercalls.
    expect(of("exitsSyscall")).toBeGreaterThan(0.5 * of("hypercalls"));
    expect(of("hypercalls")).toBeGreaterThan(1);
    expect([of("exitsHalt"), of("exitsSysenter")]).toEqual([0, 0]);
  });

  it("is there again after a restart, and goes on", async () => {
    const host = service(where);
    const again = (await host.history.report(uuid))!;
    expect(samples(again)).toBe(samples(before));
    expect(minutesOf(again).at(-1)!.values).toEqual(minutesOf(before).at(-1)!.values);
    expect(again.events).toEqual(before.events);
    const known = samples((await host.history.report("host"))!);
    await host.powerOn();
    await vi.waitFor(
      async () => expect(samples((await host.history.report("host"))!)).toBeGreaterThan(known + 2),
      10_000,
    );
    await host.powerOff(0);
    const titles = (await host.history.events()).map(({ title }) => title);
    expect(titles.filter((title) => title === "The host is running")).toHaveLength(2);
    expect(titles.at(-1)).toBe("The host is off");
    expect(await host.history.report("00000000-1111-2222-3333-444444444444")).toBeNull();
  });

  it("puts a spoiled file aside, says so to who comes later, and begins anew", async () => {
    const file = path.join(where, `${uuid}.history`);
    const bytes = readFileSync(file);
    bytes[bytes.length - 20]! ^= 1;
    writeFileSync(file, bytes);
    appendFileSync(path.join(where, "events.ndjson"), "{}\n");
    const told: string[] = [];
    const host = service(where);
    host.on("notice", ({ message }) => told.push(message));
    expect(await host.history.report(uuid)).toBeNull();
    expect((await host.history.report("host"))!.events).toEqual([]);
    expect(samples((await host.history.report("host"))!)).toBeGreaterThan(0);
    expect(told.join("\n")).toMatch(
      /checksum is wrong\. It was put aside as .*\.history\.spoiled; its history begins anew/,
    );
    expect(told.join("\n")).toMatch(/events\.ndjson has no event in line \d+\. It was put aside/);
    expect(host.notices.map(({ message }) => message)).toEqual(told);
    expect(readdirSync(where)).toContain(`${uuid}.history.spoiled`);
    expect(readFileSync(`${file}.spoiled`)).toEqual(bytes);
  });

  it("loses no more than the record that was being written", async () => {
    const file = path.join(where, "host.history");
    const host = service(where);
    const whole = minutesOf((await host.history.report("host"))!);
    appendFileSync(file, Buffer.from("0123456789"));
    expect(minutesOf((await service(where).history.report("host"))!)).toEqual(whole);
    const { size } = statSync(file);
    truncateSync(file, size - 13);
    const shorter = service(where);
    const left = await shorter.history.report("host");
    expect(shorter.notices).toEqual([]);
    expect(samples(left!)).toBeLessThan(whole.reduce((sum, each) => sum + each.samples, 0));
  });

  it("marks all that happens to a domain, for graphs of today and of now alike", async () => {
    const state = folder();
    const config = path.join(state, "web.cfg");
    const kernel = path.join(root, "dist/assets/guests/mini.elf");
    writeFileSync(config, `name = "web"\nkernel = "${kernel}"\nmemory = 32\nvcpus = 2\non_reboot = "restart"\n`);
    const boot = { ...DEFAULT_BOOT_CONFIG, autostart: [config] };
    const host = builtHost({ boot, history: { folder: path.join(state, "history"), sampleMilliseconds: 50 } });
    const told: string[] = [];
    host.on("mark", ({ title }) => told.push(title));
    const marked = (title: string): Promise<void> => vi.waitFor(() => expect(told).toContain(title), 60_000);
    await host.powerOn();
    expect(told).toEqual(["web was created", "The host is running"]);
    const { toolstack } = host;
    const [domain] = (await toolstack.request("list")).filter(({ domid }) => domid !== 0);
    const { domid, uuid } = domain!;
    const prompt = async (of: number): Promise<void> =>
      vi.waitFor(async () => {
        const { log } = await toolstack.request("consoleAttach", { domid: of });
        await toolstack.request("consoleDetach", { domid: of });
        expect(Buffer.from(log).toString()).toContain("mini> ");
      }, 60_000);
    const type = (of: number, text: string): Promise<null> =>
      toolstack.request("consoleInput", { domid: of, bytes: Buffer.from(`${text}\r`) });
    await prompt(domid);
    await toolstack.request("pause", { domid });
    await marked("web is paused");
    await toolstack.request("unpause", { domid });
    await marked("web is unpaused");
    await toolstack.request("rename", { domid, name: "shop" });
    await marked("web is called shop now");
    // The target is recognised by figures, so the figures before it must have been seen.
    await vi.waitFor(async () => expect(samples((await host.history.report(uuid))!)).toBeGreaterThan(1), 60_000);
    await toolstack.request("setMemory", { domid, memoryMiB: 20 });
    await marked("The memory target of shop is 20 MiB");
    await type(domid, "reboot");
    await marked("shop rebooted");
    await marked("shop was created");
    const next = (await toolstack.request("list")).find(({ name }) => name === "shop")!.domid;
    expect(next).not.toBe(domid);
    await prompt(next);
    await type(next, "crash");
    await marked("shop crashed");
    const other = await host.createBundled(1);
    await toolstack.request("destroy", { domid: other.domid });
    await marked("mini-1 was destroyed");
    const off = await host.createBundled(1);
    await prompt(off.domid);
    await type(off.domid, "poweroff");
    await marked("mini-2 powered off");
    const stays = await host.createBundled(1);
    await vi.waitFor(async () => expect(await host.history.report(stays.uuid)).not.toBeNull(), 60_000);

    expect(host.stops.all.map(({ name, reason, action }) => [name, reason, action])).toEqual([
      ["shop", "reboot", "restart"],
      ["shop", "crash", "destroy"],
      ["mini-1", "destroyed", null],
      ["mini-2", "poweroff", "destroy"],
    ]);
    for (const { at, last } of host.stops.all) {
      expect(Math.abs(at - Date.now())).toBeLessThan(600_000);
      expect(last!.config!.memoryMiB).toBe(32);
    }
    await host.powerOff(0);
    await marked("mini-3 ended with the host");
    expect(host.stops.all.at(-1)).toMatchObject({ name: "mini-3", reason: "host" });

    // It is in the domain's history of the day, after a restart of the application.
    const again = service(path.join(state, "history"));
    const titles = (await again.history.report(uuid))!.events.map(
      ({ title, trouble }) => `${trouble ? "! " : ""}${title}`,
    );
    expect(titles).toEqual([
      "web was created",
      "web is paused",
      "web is unpaused",
      "web is called shop now",
      "The memory target of shop is 20 MiB",
      "shop rebooted",
      "shop was created",
      "! shop crashed",
    ]);
    expect((await again.history.events()).map(({ title }) => title)).toEqual(told);
  }, 180_000);

  it("says that it can't be kept where no folder can be made", async () => {
    const file = path.join(folder(), "a-file");
    writeFileSync(file, "");
    const host = service(path.join(file, "history"));
    await host.history.report("host");
    expect(host.notices.map(({ message }) => message).join()).toMatch(/The history can't be kept: ENOTDIR/);
  });
});

describe("minutes", () => {
  it("join measurements and parts, what was not measured left out", () => {
    const first = joined(joined(null, 7, [1, NaN]), 7, [3, 5]);
    expect(first).toMatchObject({ minute: 7, samples: 2 });
    expect([...first.values]).toEqual([1, 2, 3, 5, 5, 5]);
    expect([...merged(first, joined(null, 7, [8, NaN])).values]).toEqual([1, 4, 8, 5, 5, 5]);
  });

  it("have the mean of each vCPU, also of one that comes later, and of 64 at most", () => {
    const one = joined(null, 7, [], [10, 0, 90]);
    const two = joined(one, 7, [], [30, 10, 60, NaN, 50, 50]);
    expect([...two.vcpus]).toEqual([20, 5, 75, NaN, 50, 50]);
    const many = joined(null, 7, [], Array<number>(3 * 200).fill(1));
    expect(many.vcpus).toHaveLength(3 * MOST_KEPT_VCPUS);
  });
});

describe("what is kept", () => {
  const minute = (at: number, vcpus = 0): Minute => joined(null, at, [at], Array<number>(3 * vcpus).fill(12.34));

  it("is a day, with room for the most vCPUs that there were, in the bytes that it says", () => {
    const kept = new KeptMinutes(1);
    for (let at = 1; at <= KEPT_MINUTES + 100; at++) kept.add(minute(at, at === 900 ? 4 : 2));
    expect([kept.count, kept.vcpus, kept.bytes]).toEqual([KEPT_MINUTES, 4, KEPT_MINUTES * (8 + 12 + 6 * 4)]);
    expect([kept.at(0).minute, kept.last!.minute]).toEqual([101, KEPT_MINUTES + 100]);
    expect([...kept.last!.vcpus].map((value) => Math.round(value * 100) / 100)).toEqual([
      ...Array<number>(6).fill(12.34),
      ...Array<number>(6).fill(NaN),
    ]);
    expect(kept.between(KEPT_MINUTES + 97, KEPT_MINUTES + 100)).toHaveLength(2 * kept.recordBytes);
  });

  it("joins parts of a minute, and forgets what comes from a clock that was set back since", () => {
    const kept = new KeptMinutes(1);
    for (const at of [1, 2, 2, 3, 9, 8]) kept.add(minute(at));
    expect(Array.from({ length: kept.count }, (_, i) => [kept.at(i).minute, kept.at(i).samples])).toEqual([
      [1, 1],
      [2, 2],
      [3, 1],
      [8, 1],
    ]);
  });

  it("of all domains stays within its bytes: first goes what has ended, then the oldest hours", () => {
    const day = (last: number): KeptMinutes => {
      const kept = new KeptMinutes(1);
      for (let at = last - 200; at <= last; at++) kept.add(minute(at, 2));
      return kept;
    };
    const kept = new Map([1, 2, 3].map((n) => [`d${n}`, day(1000 + n)]));
    const each = kept.get("d1")!.bytes;
    expect(keepWithin(kept, () => true, 3 * each)).toEqual({ gone: [], cut: [] });
    expect(keepWithin(kept, (key) => key === "d1", 2 * each)).toEqual({ gone: ["d2"], cut: [] });
    const { gone, cut } = keepWithin(kept, () => true, each);
    expect([gone, cut.sort()]).toEqual([[], ["d1", "d3"]]);
    expect([...kept.values()].reduce((sum, { bytes }) => sum + bytes, 0)).toBeLessThanOrEqual(each);
    for (const some of kept.values()) expect(some.last!.minute).toBeGreaterThan(1000);
  });
});

describe("the files", () => {
  const uuid = (n: number): string => `00000000-0000-0000-0000-${n.toString(16).padStart(12, "0")}`;
  let where: string;
  let files: HistoryFiles;
  beforeAll(() => {
    where = folder();
    files = new HistoryFiles(where, () => ["x"]);
  });
  afterAll(() => files.written());

  it("stay bounded however long it goes on", async () => {
    await files.load(0, 1e9);
    const kept = new KeptMinutes(1);
    for (let minute = 1; minute <= 3 * KEPT_MINUTES; minute++) {
      const next = joined(null, minute, [minute]);
      kept.add(next);
      void files.addMinute("host", next, kept);
    }
    await files.written();
    expect(statSync(path.join(where, "host.history")).size).toBeLessThan(1024 + 2 * KEPT_MINUTES * 24);
    const loaded = (await new HistoryFiles(where, () => ["x"]).load(0, 1e9)).kept.get("host")!;
    expect(loaded.count).toBe(KEPT_MINUTES);
    expect(loaded.last!.minute).toBe(3 * KEPT_MINUTES);
    for (let at = 1; at <= 2 * MOST_EVENTS + 5; at++)
      void files.addEvent({ at, uuid: null, title: "x", trouble: false }, []);
    await files.written();
    expect(readFileSync(path.join(where, "events.ndjson"), "utf8").split("\n").length).toBeLessThan(MOST_EVENTS);
  });

  const single = (minute: Minute): KeptMinutes => {
    const kept = new KeptMinutes(1);
    kept.add(minute);
    return kept;
  };

  it("forget what is older than a day or of tomorrow, and of too many domains those that ended first", async () => {
    for (let n = 1; n <= MOST_DOMAINS + 3; n++) {
      const minute = joined(null, 10 + n, [n]);
      void files.addMinute(uuid(n), minute, single(minute));
    }
    const tomorrow = joined(null, 900, [1]);
    void files.addMinute(uuid(500), tomorrow, single(tomorrow));
    await files.written();
    const { kept } = await new HistoryFiles(where, () => ["x"]).load(12, 800);
    expect(kept.size).toBe(MOST_DOMAINS);
    expect([uuid(1), uuid(2), uuid(3), uuid(500)].map((key) => kept.has(key))).toEqual([false, false, false, false]);
    expect(readdirSync(where).filter((name) => name.endsWith(".history"))).toHaveLength(MOST_DOMAINS);
  });

  it("with many vCPUs are no larger in memory than is said, whatever lies in the folder", async () => {
    const full = folder();
    const header = Buffer.from(`xenarium-history 2 x vcpus=${MOST_KEPT_VCPUS}\n`);
    const size = minuteBytes(1, MOST_KEPT_VCPUS);
    const records = Array.from({ length: KEPT_MINUTES }, (_, i) => {
      const record = Buffer.alloc(size + 4);
      record.writeUInt32LE(i + 1);
      record.writeUInt32LE(crc32(record.subarray(0, size)), size);
      return record;
    });
    const one = Buffer.concat([header, ...records]);
    const most = Math.floor(MOST_BYTES / (KEPT_MINUTES * size));
    expect(most).toBeLessThan(MOST_DOMAINS);
    for (let n = 1; n <= most + 2; n++) writeFileSync(path.join(full, `${uuid(n)}.history`), one);
    const { kept, notes } = await new HistoryFiles(full, () => ["x"]).load(0, 1e6);
    expect([kept.size, notes]).toEqual([most, []]);
    expect([...kept.values()].reduce((sum, { bytes }) => sum + bytes, 0)).toBeLessThanOrEqual(MOST_BYTES);
  });

  it("of the form before are read, and written in the present one with the next minute", async () => {
    const old = folder();
    const file = path.join(old, `${uuid(7)}.history`);
    // Records in the first format, which had seven metrics and no vCPUs.
    const record = (minute: number): Buffer => {
      const bytes = Buffer.alloc(8 + 12 * 2 + 4);
      bytes.writeUInt32LE(minute);
      bytes.writeUInt32LE(6, 4);
      [1, 2, 3, 4, 5, 6].forEach((value, i) => bytes.writeFloatLE(value, 8 + 4 * i));
      bytes.writeUInt32LE(crc32(bytes.subarray(0, -4)), bytes.length - 4);
      return bytes;
    };
    writeFileSync(file, Buffer.concat([Buffer.from("xenarium-history 1 cpu,mips\n"), record(5), record(6)]));
    const present = new HistoryFiles(old, () => ["cpu", "exits", "mips"]);
    const { kept, notes } = await present.load(0, 100);
    expect(notes).toEqual([]);
    const all = kept.get(uuid(7))!;
    expect([all.count, all.vcpus]).toEqual([2, 0]);
    expect([...all.last!.values]).toEqual([1, 2, 3, NaN, NaN, NaN, 4, 5, 6]);
    const next = joined(null, 7, [1, 2, 3], [25, 0, 75]);
    all.add(next);
    await present.addMinute(uuid(7), next, all);
    expect(readFileSync(file).subarray(0, 43).toString()).toBe("xenarium-history 2 cpu,exits,mips vcpus=1\n\u0005");
    const again = (await new HistoryFiles(old, () => ["cpu", "exits", "mips"]).load(0, 100)).kept.get(uuid(7))!;
    expect([again.count, again.vcpus, again.at(0).values[1]]).toEqual([3, 1, 2]);
    expect([...again.last!.vcpus]).toEqual([25, 0, 75]);
  });

  it("that are no history of any form known are put aside, each with its reason", async () => {
    const strange = folder();
    const contents: Record<string, string | Buffer> = {
      "does not begin as a history does": Buffer.alloc(5000, 0xff),
      "is of form 3, which is not known here; known are forms 1 to 2": "xenarium-history 3 x vcpus=1\n",
      "has figures that are not known here, or twice: y": "xenarium-history 2 x,y vcpus=1\n",
      "has figures that are not known here, or twice: x": "xenarium-history 2 x,x vcpus=1\n",
      "has not the number of vCPUs that its form has: 0 to 64 from form 2 on": "xenarium-history 2 x vcpus=65\n",
      "has no whole record": "xenarium-history 2 x vcpus=64\n0123456789012345678901234567890123456789",
      "has 10000000 bytes; a history has at most": Buffer.alloc(10_000_000),
    };
    Object.values(contents).forEach((each, n) => writeFileSync(path.join(strange, `${uuid(n)}.history`), each));
    mkdirSync(path.join(strange, `${uuid(99)}.history`));
    const { kept, notes } = await new HistoryFiles(strange, () => ["x"]).load(0, 1e6);
    expect(kept.size).toBe(0);
    for (const reason of [...Object.keys(contents), "is no file"])
      expect(notes.filter((note) => note.includes(reason))).toHaveLength(1);
    for (const note of notes)
      expect(note).toMatch(/It was put aside as \S+\.history\.spoiled; its history begins anew\./);
    expect(readdirSync(strange).every((name) => name.endsWith(".spoiled"))).toBe(true);
  });

  it("are whole again after a write that failed", async () => {
    const disk = folder();
    const kept = new KeptMinutes(1);
    const some = new HistoryFiles(disk, () => ["x"]);
    await some.load(0, 100);
    const add = (at: number): Promise<void> => {
      const minute = joined(null, at, [at]);
      kept.add(minute);
      return some.addMinute(uuid(1), minute, kept);
    };
    await add(1);
    const file = path.join(disk, `${uuid(1)}.history`);
    renameSync(file, `${file}.away`);
    mkdirSync(file);
    await expect(add(2)).rejects.toThrow(/EISDIR/);
    rmdirSync(file);
    await add(3);
    const { kept: found } = await new HistoryFiles(disk, () => ["x"]).load(0, 100);
    expect(found.get(uuid(1))!.count).toBe(3);
  });
});
