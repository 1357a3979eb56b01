/** A transfer fails while the next is still being looked for. Whoever asked must be told when all have ended, and dom0's thread must go on. */
import fs from "node:fs";
import path from "node:path";
import { afterAll, expect, it } from "vitest";
import { createQcow2 } from "../../../core/dom0/storage/qcow2/create.ts";
import { openStore } from "../../../core/dom0/storage/open.ts";
import { together } from "../../../core/dom0/storage/together.ts";
import { temporaryFolder } from "../../temporary.ts";
import { withPatchedFs } from "./patched-fs.ts";

const folder = temporaryFolder("together");
const unheard: unknown[] = [];
const hear = (reason: unknown): void => void unheard.push(reason);
process.on("unhandledRejection", hear);
afterAll(() => void process.off("unhandledRejection", hear));
const CLUSTER = 65536;
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

it("waits for all, and throws what failed first in their order", async () => {
  let ended = false;
  const slow = turn()
    .then(turn)
    .then(turn)
    .then(() => void (ended = true));
  const failing = together(async (add) => {
    add(Promise.reject(new Error("one")));
    await turn();
    add(Promise.reject(new Error("two")));
    add(slow);
  });
  await expect(failing).rejects.toThrow("one");
  expect(ended).toBe(true);
  const broken = together(async (add) => {
    add(Promise.reject(new Error("transfer")));
    await turn();
    throw new Error("table");
  });
  await expect(broken).rejects.toThrow("table");
  expect(unheard).toEqual([]);
});

it("a qcow2 image on a full disk: a write whose first part fails while another's cluster is waited for", async () => {
  const file = path.join(folder, "full.qcow2");
  await createQcow2({ path: file, size: 16 * CLUSTER });
  const store = await openStore(file, "qcow2", "read-write");
  const own = fs.writev;
  let release: (() => void) | null = null;
  let failed = 0;
  const late = ((
    fd: number,
    views: Uint8Array[],
    position: number,
    done: (error: NodeJS.ErrnoException | null, count: number) => void,
  ) => {
    if (views[0]![0] === 1) return void (release = () => own(fd, views, position, done));
    if (views[0]![0] === 2)
      return void setImmediate(() => {
        failed++;
        done(Object.assign(new Error("full"), { code: "ENOSPC" }), 0);
      });
    own(fd, views, position, done);
  }) as typeof fs.writev;
  await withPatchedFs({ writev: late }, async () => {
    const slow = store.write(CLUSTER, [Buffer.alloc(CLUSTER, 1)]);
    await expect.poll(() => release).not.toBeNull();
    const failing = store.write(0, [Buffer.alloc(2 * CLUSTER, 2)]);
    const told = expect(failing).rejects.toThrow("full");
    await expect.poll(() => failed).toBeGreaterThan(0);
    for (let i = 0; i < 5; i++) await turn();
    expect(unheard).toEqual([]);
    release!();
    await slow;
    await told;
  });
  await store.close();
});
