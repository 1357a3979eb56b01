/** The host's size: as fits the computer, as somebody chose it, and as whoever starts the server says. */
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { HostSize, sizeFor } from "../../core/api/host-size.ts";
import { temporaryFolder } from "../temporary.ts";

describe("the host's size", () => {
  it("fits the computer", () => {
    expect(sizeFor({ memoryMiB: 8000, cores: 4 })).toEqual({ memoryMiB: 1920, pcpus: 4 });
    expect(sizeFor({ memoryMiB: 1000, cores: 1 })).toEqual({ memoryMiB: 512, pcpus: 1 });
    expect(sizeFor({ memoryMiB: 262_144, cores: 96 })).toEqual({ memoryMiB: 3584, pcpus: 32 });
    // Hosts once ended at 2 GiB; nothing limits them to that now.
    expect(sizeFor({ memoryMiB: 12_000, cores: 8 })).toEqual({ memoryMiB: 2944, pcpus: 8 });
  });

  it("is kept when it is chosen, and what is said at the start wins for that time", () => {
    const file = path.join(temporaryFolder("size"), "state", "host-size.json");
    const computer = { memoryMiB: 8192, cores: 2 };
    const told: string[] = [];
    const tell = (message: string): void => void told.push(message);
    new HostSize({}, file, computer, tell).set({ memoryMiB: 640, pcpus: 3 });
    expect(new HostSize({}, file, computer, tell).next).toEqual({ memoryMiB: 640, pcpus: 3 });
    const given = new HostSize({ pcpus: 1 }, file, computer, tell);
    expect(given.next).toEqual({ memoryMiB: 640, pcpus: 1 });
    expect(readFileSync(file, "utf8")).toContain('"pcpus":3');
    expect(told).toEqual([]);
    for (const spoiled of ["", "{", '{"memoryMiB":1,"pcpus":2}', '{"memoryMiB":"640","pcpus":2}', "[]"]) {
      writeFileSync(file, spoiled);
      expect(new HostSize({}, file, computer, tell).next).toEqual({ memoryMiB: 2048, pcpus: 2 });
      expect(told.pop()).toContain("is spoiled");
    }
  });
});
