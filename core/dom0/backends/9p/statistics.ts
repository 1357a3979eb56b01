/** Counts what went through a shared folder. Directions are the guest's. */
import type { DeviceFigure } from "../../xenbus/kind.ts";

export class ShareStatistics {
  #readBytes = 0;
  #writtenBytes = 0;
  #requests = 0;
  #refused = 0;

  read(bytes: number): void {
    this.#readBytes += bytes;
  }
  wrote(bytes: number): void {
    this.#writtenBytes += bytes;
  }
  answered(errno: number | null): void {
    this.#requests++;
    if (errno !== null) this.#refused++;
  }

  figures(): DeviceFigure[] {
    return [
      { name: "readBytes", label: "Read", value: this.#readBytes, unit: "bytes" },
      { name: "writtenBytes", label: "Written", value: this.#writtenBytes, unit: "bytes" },
      { name: "requests", label: "Requests", value: this.#requests, unit: "" },
      { name: "refused", label: "Answered with an error", value: this.#refused, unit: "" },
    ];
  }
}
