/** What dom0's worker is started with. */
import type { FrozenImage } from "../../dom0/backends/blk/disks.ts";
import type { KeptNetwork } from "../../dom0/network/networks.ts";

/** What dom0's worker is started with. */
export interface Dom0WorkerData {
  memory: WebAssembly.Memory;
  module: WebAssembly.Module;
  /** process.hrtime.bigint() at the host's power-on, which is the zero of `env.now()`. */
  clockBase: bigint;
  autostart: AutostartEntry[];
  /** The bytes of console log that are kept for each domain. */
  consoleLogBytes?: number;
  /** Where what guests write to disposable disks lies until it is thrown away. */
  scratchFolder?: string;
  /** Where what domains write on their consoles is kept in files. */
  consoleFolder?: string;
  /** The networks as they were when the host was last on. */
  networks?: readonly KeptNetwork[];
  /** Images that nobody may write. */
  frozen?: readonly FrozenImage[];
}

export interface AutostartEntry {
  /** The text. If it is left out, the file `configName` is read. */
  config?: string;
  configName: string;
  files?: Record<string, Uint8Array>;
  uuid?: string;
}
