/** The host finds what is in a shared folder by paths here. A path that leads over a link is refused, even though the file at its end is the same. */
import * as fs from "node:fs";
import path from "node:path";
import { expect, it } from "vitest";
import { CheckedFolder } from "../../../../core/dom0/backends/9p/folder/checked-paths.ts";
import { Moves } from "../../../../core/dom0/backends/9p/folder/moves.ts";
import { Turns } from "../../../../core/dom0/backends/9p/folder/turns.ts";
import { temporaryFolder } from "../../../temporary.ts";

it("reaches an entry no more when a directory on the way to it was put elsewhere, with a link in its place", async () => {
  const base = temporaryFolder("9p");
  const share = path.join(base, "share");
  fs.mkdirSync(path.join(share, "inner"), { recursive: true });
  fs.writeFileSync(path.join(share, "inner/file"), "content");
  const folder = await CheckedFolder.open(share, new Turns(), new Moves());
  const file = await folder.walk(await folder.walk(folder.root, "inner"), "file");
  expect((await folder.status(file)).size).toBe(7n);
  fs.renameSync(path.join(share, "inner"), path.join(base, "outside"));
  fs.symlinkSync(path.join(base, "outside"), path.join(share, "inner"));
  await expect(folder.status(file)).rejects.toMatchObject({ code: "ESTALE" });
});
