import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { expect, test } from "vitest";
import {
  EVTCHNOP_bind_ipi,
  EVTCHNOP_close,
  EVTCHNOP_expand_array,
  EVTCHNOP_init_control,
  EVTCHNOP_reset,
  EVTCHNOP_reset_cont,
} from "../../../core/abi/event_channel.ts";
import { PCPU_MAILBOX, PCPU_MAILBOX_SIZE } from "../../../core/machine/layout.ts";
import { bootHost, EventDomain, PRIVILEGED } from "./host.ts";

/**
 * The number of times at which they ran at the same time. It is large enough that every run detects a reset that counts ports and takes FIFO pages
 * away without the ports' lock.
 */
const WANTED = 20_000;

test("a vCPU resets the domain's event channels while another binds and closes: a bound port keeps its FIFO pages", async () => {
  const { host, core } = await bootHost();
  new EventDomain(host, 0, PRIVILEGED);
  const domain = new EventDomain(host, 1);
  core.setPcpus(3);
  const shared = new Int32Array(new SharedArrayBuffer(12));
  const workers = ["reset", "bind"].map(
    (work, i) =>
      new Worker(new URL("reset-or-bind.mjs", import.meta.url), {
        workerData: {
          memory: host.memory,
          module: host.module,
          pcpu: i + 1,
          versions: core.codeVersionTable(),
          flags: core.codeFlagTable(),
          frames: 64 * 256,
          domid: domain.domid,
          page: domain.address(4 + i),
          control: domain.frames[6 + i],
          words: domain.frames[8 + i],
          work,
          wanted: WANTED,
          most: 20 * WANTED,
          shared,
          op: {
            initControl: EVTCHNOP_init_control,
            expandArray: EVTCHNOP_expand_array,
            reset: EVTCHNOP_reset,
            bindIpi: EVTCHNOP_bind_ipi,
            close: EVTCHNOP_close,
          },
        },
      }),
  );
  const answers = await Promise.all(workers.map(async (worker) => (await once(worker, "message"))[0]));
  await Promise.all(workers.map((worker) => worker.terminate()));
  for (const { failed, meetings } of answers) {
    expect(failed, JSON.stringify(answers)).toBe(0);
    expect(meetings).toBeGreaterThan(0);
  }
  expect(domain.reset()).toBe(0);
  for (const frame of domain.frames.slice(6, 10)) expect(core.pageTypeCount(frame)).toBe(0);
  expect(core.usesFifo(domain.domid)).toBe(0);
  expect(core.checkEventChannels(), host.log()).toBe(0);
  expect(core.checkMemory(), host.log()).toBe(0);
}, 120_000);

/** Without the ports' lock where a reset begins, two began in one of the rounds 1224 to 1616, soon after the code was optimised (five runs). */
const ROUNDS = 10_000;

test("of two vCPUs that reset the domain's event channels at the same moment one begins, and the other is told to wait", async () => {
  const { host, core } = await bootHost();
  new EventDomain(host, 0, PRIVILEGED);
  const domain = new EventDomain(host, 1);
  core.setPcpus(3);
  const shared = new Int32Array(new SharedArrayBuffer(8));
  const workers = [1, 2].map(
    (pcpu) =>
      new Worker(new URL("reset-twice.mjs", import.meta.url), {
        workerData: {
          memory: host.memory,
          module: host.module,
          pcpu,
          versions: core.codeVersionTable(),
          flags: core.codeFlagTable(),
          frames: 64 * 256,
          domid: domain.domid,
          page: domain.address(3 + pcpu),
          mailbox: PCPU_MAILBOX + pcpu * PCPU_MAILBOX_SIZE,
          rounds: ROUNDS,
          // More than are closed before the first look at whether something waits.
          ports: 100,
          shared,
          op: { bindIpi: EVTCHNOP_bind_ipi, reset: EVTCHNOP_reset, resetContinued: EVTCHNOP_reset_cont },
        },
      }),
  );
  const answers = await Promise.all(workers.map(async (worker) => (await once(worker, "message"))[0]));
  await Promise.all(workers.map((worker) => worker.terminate()));
  expect(answers).toEqual([1, 2].map(() => ({ begun: 1, round: ROUNDS })));
  expect(core.checkEventChannels(), host.log()).toBe(0);
}, 120_000);
