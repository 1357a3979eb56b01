/** What dom0 does when a native domain's thread has ended, also where that goes wrong. The threads here do nothing. */
import { writeFileSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { expect, it } from "vitest";
import { EIO } from "../../../core/abi/errno.ts";
import { OpenImages } from "../../../core/dom0/backends/blk/image-register.ts";
import { HypercallError } from "../../../core/dom0/kernel/errno.ts";
import type { Hypercalls } from "../../../core/dom0/kernel/hypercalls.ts";
import { Leftovers } from "../../../core/dom0/native/leftovers.ts";
import { NativeThreads } from "../../../core/dom0/native/threads.ts";
import { powerOnClock } from "../../../core/machine/clock.ts";
import { temporaryFolder } from "../../temporary.ts";

const folder = temporaryFolder("native-threads");

/** Threads of a script, on a hypervisor that refuses every call, with what it was asked for. */
function threadsOf(script: string): { threads: NativeThreads; asked: string[]; notCleared: [number, unknown][] } {
  const file = path.join(folder, "thread.mjs");
  writeFileSync(file, script);
  const asked: string[] = [];
  const notCleared: [number, unknown][] = [];
  const call = (operation: string): never => {
    asked.push(operation);
    throw new HypercallError(operation, EIO);
  };
  const threads = new NativeThreads({
    machine: {
      memory: new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true }),
      // The shortest module there is.
      module: new WebAssembly.Module(new Uint8Array([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0])),
      clockBase: powerOnClock(),
    },
    script: pathToFileURL(file),
    hypercalls: { call } as unknown as Hypercalls,
    services: { register: new OpenImages(), holds: { hold: () => {}, release: () => {} }, scratchFolder: folder },
    onError: () => {},
    onNotCleared: (domid, error) => notCleared.push([domid, error]),
  });
  return { threads, asked, notCleared };
}

it("reports it when the hypervisor can't be told of a thread that has ended of itself", async () => {
  const { threads, asked, notCleared } = threadsOf("");
  threads.start(7, [], new Leftovers());
  await expect.poll(() => notCleared).toHaveLength(1);
  expect(notCleared[0]).toEqual([7, expect.objectContaining({ code: "EIO" })]);
  expect(asked).toEqual(["end of domain 7's thread"]);
});

it("reports the same of one that was ended, and whoever waits for the end goes on", async () => {
  const { threads, asked, notCleared } = threadsOf("setInterval(() => {}, 1e6);");
  threads.start(8, [], new Leftovers());
  await threads.end(8);
  expect(notCleared).toEqual([[8, expect.objectContaining({ code: "EIO" })]]);
  expect(asked).toEqual(["end of domain 8's thread"]);
  expect(threads.end(8)).toBeNull();
});
