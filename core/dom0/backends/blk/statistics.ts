/** Counts what went through a block device since it was made. */
import { BLKIF_OP_DISCARD, BLKIF_OP_FLUSH_DISKCACHE, BLKIF_OP_READ, BLKIF_RSP_OKAY } from "../../../abi/io_blkif.ts";
import type { DeviceFigure, DeviceTraffic } from "../../xenbus/kind.ts";

export class BlockStatistics {
  #reads = 0;
  #writes = 0;
  #flushes = 0;
  #discards = 0;
  #readBytes = 0;
  #writtenBytes = 0;
  #errors = 0;
  /** Total time of all requests, in nanoseconds. */
  #time = 0;
  #lastError = "";

  count(operation: number, bytes: number, status: number, nanoseconds: number): void {
    this.#time += nanoseconds;
    if (status !== BLKIF_RSP_OKAY) {
      this.#errors++;
      return;
    }
    switch (operation) {
      case BLKIF_OP_READ:
        this.#reads++;
        this.#readBytes += bytes;
        return;
      case BLKIF_OP_DISCARD:
        this.#discards++;
        return;
      case BLKIF_OP_FLUSH_DISKCACHE:
        this.#flushes++;
        return;
    }
    this.#writes++;
    this.#writtenBytes += bytes;
  }

  /** Records that the image refused something. */
  failed(reason: string): void {
    this.#lastError = reason;
  }

  get #ended(): number {
    return this.#reads + this.#writes + this.#flushes + this.#discards + this.#errors;
  }

  traffic(inFlight: number, grantsMapped: number): DeviceTraffic {
    return {
      medium: "disk",
      inBytes: this.#readBytes,
      outBytes: this.#writtenBytes,
      inCount: this.#reads,
      outCount: this.#writes,
      timed: { count: this.#ended, nanoseconds: this.#time },
      inFlight,
      grantsMapped,
    };
  }

  figures(): DeviceFigure[] {
    const figure = (name: string, label: string, value: number | string, unit = ""): DeviceFigure => ({
      name,
      label,
      value,
      unit,
    });
    const ended = this.#ended;
    return [
      figure("readBytes", "Read", this.#readBytes, "bytes"),
      figure("writtenBytes", "Written", this.#writtenBytes, "bytes"),
      figure("reads", "Reads", this.#reads),
      figure("writes", "Writes", this.#writes),
      figure("flushes", "Flushes", this.#flushes),
      figure("discards", "Discards", this.#discards),
      figure("errors", "Errors", this.#errors),
      figure("latency", "Mean latency", ended ? Math.round(this.#time / ended / 1000) : 0, "µs"),
      ...(this.#lastError ? [figure("lastError", "Last error", this.#lastError)] : []),
    ];
  }
}
