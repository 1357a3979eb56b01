/** A day of figures: measured on a real host, kept across restarts of the application, robust against what a disk may do. */
import { appendFileSync, readFileSync, readdirSync, statSync, truncateSync, writeFileSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { temporaryFolder } from "../temporary.ts";
import { HistoryFiles, MOST_EVENTS, MOST_FILES } from "../../core/api/history/files.ts";
import { joined, KEPT_MINUTES, merged, readMinute, minuteBytes, type Minute } from "../../core/api/history/minutes.ts";
import type { HistoryReport } from "../../core/api/history/recorder.ts";
import { HostService } from "../../core/api/host-service.ts";

const root = path.resolve(import.meta.dirname, "../..");
const dist = pathToFileURL(`${root}/dist/`);
const folder = (): string => temporaryFolder("history");

function service(where: string): HostService {
  return new HostService({
    imageFolder: dist,
    bundledGuest: new URL("assets/guests/mini.elf", dist),
    memoryMiB: 256,
    pcpus: 1,
    history: { folder: where, sampleMilliseconds: 50 },
  });
}
function minutesOf(report: HistoryReport): Minute[] {
  const size = minuteBytes(report.metrics.length);
  return Array.from({ length: report.records.length / size }, (_, i) =>
    readMinute(report.records.subarray(i * size), report.metrics.length),
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
    uuid = (await host.createBundled(1)).uuid;
    await vi.waitFor(async () => expect(samples((await host.history.report(uuid))!)).toBeGreaterThan(4), 10_000);
    await host.powerOff(0);
    before = (await host.history.report(uuid))!;
  });

  it("has least, mean and largest of what was measured", () => {
    expect(before.metrics).toEqual(["cpu", "runnable", "memory", "hypercalls", "events", "pageFaults", "mips"]);
    for (const { values, minute } of minutesOf(before)) {
      expect(Math.abs(minute - Date.now() / 60_000)).toBeLessThan(5);
      for (let i = 0; i < values.length; i += 3) {
        expect(values[i]).toBeLessThanOrEqual(values[i + 1]! * 1.000001);
        expect(values[i + 1]).toBeLessThanOrEqual(values[i + 2]! * 1.000001);
      }
      expect([...values.subarray(6, 9)]).toEqual([32, 32, 32]);
    }
    expect(before.events.map(({ title }) => title)).toContain("mini-1 was created");
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
    const titles = (await host.history.report("host"))!.events.map(({ title }) => title);
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
    // The file is whole again.
    const { size } = statSync(file);
    truncateSync(file, size - 3);
    const shorter = service(where);
    const left = await shorter.history.report("host");
    expect(shorter.notices).toEqual([]);
    expect(samples(left!)).toBeLessThan(whole.reduce((sum, each) => sum + each.samples, 0));
  });

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
    await files.load(0);
    let all: Minute[] = [];
    for (let minute = 1; minute <= 3 * KEPT_MINUTES; minute++) {
      const next = joined(null, minute, [minute]);
      all = [...all, next].slice(-KEPT_MINUTES);
      void files.addMinute("host", next, all);
    }
    await files.written();
    expect(statSync(path.join(where, "host.history")).size).toBeLessThan(256 + 2 * KEPT_MINUTES * 24);
    const { minutes } = await new HistoryFiles(where, () => ["x"]).load(0);
    expect(minutes.get("host")).toHaveLength(KEPT_MINUTES);
    expect(minutes.get("host")!.at(-1)!.minute).toBe(3 * KEPT_MINUTES);
    for (let at = 1; at <= 2 * MOST_EVENTS + 5; at++)
      void files.addEvent({ at, uuid: null, title: "x", trouble: false }, []);
    await files.written();
    expect(readFileSync(path.join(where, "events.ndjson"), "utf8").split("\n").length).toBeLessThan(MOST_EVENTS);
  });

  it("forget what is older than a day, and of too many domains those that ended first", async () => {
    for (let n = 1; n <= MOST_FILES + 3; n++) void files.addMinute(uuid(n), joined(null, 10 + n, [n]), []);
    await files.written();
    const { minutes } = await new HistoryFiles(where, () => ["x"]).load(12);
    expect(minutes.size).toBe(MOST_FILES + 1);
    expect(minutes.has(uuid(1)) || minutes.has(uuid(3))).toBe(false);
    expect(readdirSync(where).filter((name) => name.endsWith(".history"))).toHaveLength(MOST_FILES + 1);
  });

  it("of another form are put aside", async () => {
    const other = new HistoryFiles(where, () => ["x", "y"]);
    writeFileSync(path.join(where, `${uuid(99)}.history`), Buffer.alloc(10_000_000));
    const { minutes, notes } = await other.load(0);
    expect(minutes.size).toBe(0);
    expect(notes.length).toBe(MOST_FILES + 2);
    expect(notes.join("\n")).toMatch(/does not begin as a history does/);
    expect(notes.join("\n")).toMatch(/has 10000000 bytes; a history has at most/);
  });
});
