import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { expect, test } from "vitest";
import {
  EVTCHNOP_bind_ipi,
  EVTCHNOP_close,
  EVTCHNOP_expand_array,
  EVTCHNOP_init_control,
  EVTCHNOP_reset,
} from "../../../core/abi/event_channel.ts";
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
