/** How much of a directory the host reads when a guest wants to move it: no more than it looks at, however large the directory is. */
import * as fs from "node:fs";
import path from "node:path";
import { expect, it, vi } from "vitest";
import { find } from "../../../../core/dom0/backends/9p/folder/folder.ts";
import { mustLeadDown } from "../../../../core/dom0/backends/9p/folder/links.ts";
import { Folders } from "../../../../core/dom0/backends/9p/folders.ts";
import { temporaryFolder } from "../../../temporary.ts";

/** What the host's calls have returned, in entries. */
const read = vi.hoisted(() => ({ entries: 0, atOnce: 0 }));
vi.mock("node:fs/promises", async (original) => {
  const real = await original<typeof import("node:fs/promises")>();
  return {
    ...real,
    readdir: async (...args: Parameters<typeof real.readdir>) => {
      const found = await real.readdir(...args);
      read.entries += found.length;
      read.atOnce = Math.max(read.atOnce, found.length);
      return found;
    },
    opendir: async (where: string, options: { bufferSize: number }) => {
      const directory = await real.opendir(where, options);
      read.atOnce = Math.max(read.atOnce, options.bufferSize);
      const next = directory.read.bind(directory) as () => Promise<fs.Dirent | null>;
      directory[Symbol.asyncIterator] = async function* () {
        try {
          for (let entry = await next(); entry; entry = await next()) {
            read.entries++;
            yield entry;
          }
        } finally {
          await directory.close();
        }
        return undefined;
      };
      return directory;
    },
  };
});

it("a directory with more entries than are looked at is not read to its end", async () => {
  const share = temporaryFolder("9p-many");
  const many = path.join(share, "many");
  fs.mkdirSync(many);
  fs.writeFileSync(path.join(many, "0"), "");
  for (let i = 1; i < 7000; i++) fs.linkSync(path.join(many, "0"), path.join(many, String(i)));
  const folder = await new Folders().open(share);
  const directory = await find(folder, ["many"]);
  await expect(mustLeadDown(folder, directory)).rejects.toThrow("EXDEV");
  expect(read.entries).toBeLessThanOrEqual(5001);
  expect(read.atOnce).toBeLessThanOrEqual(1024);
  directory.release();
  folder.close();
});
