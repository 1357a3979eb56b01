/** Counts what went through a network interface since it was made. Directions are the guest's. */
import type { DeviceFigure, DeviceTraffic } from "../../xenbus/kind.ts";

export class NetStatistics {
  sentPackets = 0;
  sentBytes = 0;
  receivedPackets = 0;
  receivedBytes = 0;
  /** Frames for the guest that came when it had no room. */
  dropped = 0;
  /** Frames for the guest that were longer than its interface's MTU. */
  tooLong = 0;
  /** Frames of the guest that were damaged or could not be read. */
  errors = 0;

  /** Packets are copied and not kept, so no request is under way between two turns of the backend. */
  traffic(grantsMapped: number): DeviceTraffic {
    return {
      medium: "network",
      inBytes: this.receivedBytes,
      outBytes: this.sentBytes,
      inCount: this.receivedPackets,
      outCount: this.sentPackets,
      timed: null,
      inFlight: 0,
      grantsMapped,
    };
  }

  figures(): DeviceFigure[] {
    const figure = (name: string, label: string, value: number, unit = ""): DeviceFigure => ({
      name,
      label,
      value,
      unit,
    });
    return [
      figure("sentBytes", "Sent", this.sentBytes, "bytes"),
      figure("receivedBytes", "Received", this.receivedBytes, "bytes"),
      figure("sentPackets", "Packets sent", this.sentPackets),
      figure("receivedPackets", "Packets received", this.receivedPackets),
      figure("dropped", "Dropped, for the guest had no room", this.dropped),
      figure("tooLong", "Dropped, longer than the MTU", this.tooLong),
      figure("errors", "Errors", this.errors),
    ];
  }
}
