/** What dom0's worker is started with. */
import type { FrozenImage } from "../../dom0/backends/blk/image-register.ts";
import type { KeptNetwork } from "../../dom0/network/networks.ts";

/** What dom0's worker is started with. */
export interface Dom0WorkerData {
  memory: WebAssembly.Memory;
  module: WebAssembly.Module;
  /** process.hrtime.bigint() at host power-on: the zero of `env.now()`. */
  clockBase: bigint;
  autostart: AutostartEntry[];
  /** Bytes of console log kept per domain. */
  consoleLogBytes?: number;
  /** Where what is written to disposable disks lies until it is thrown away. */
  scratchFolder?: string;
  /** Where what domains write on their consoles is kept in files. */
  consoleFolder?: string;
  /** As they were when the host was on before. */
  networks?: readonly KeptNetwork[];
  /** Images that nobody may write. */
  frozen?: readonly FrozenImage[];
}

export interface AutostartEntry {
  /** Text; read from the file `configName` when left out. */
  config?: string;
  configName: string;
  files?: Record<string, Uint8Array>;
  uuid?: string;
}
