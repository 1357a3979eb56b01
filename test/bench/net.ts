/**
 * Measures networks: a Debian guest through the gateway to a server on this computer, in both directions, and two guests on a bridge, each with its
 * own vCPU.
 */
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { getPriority, loadavg } from "node:os";
import { initramfs, kernelModules } from "../guests/images.ts";
import { program } from "../guests/programs.ts";
import { BenchHost, type BenchGuest } from "./bench-host.ts";

const MIB = 100;
const BYTES = MIB << 20;

/** Bits per second. */
export interface Throughput {
  fromServer: number;
  toServer: number;
  betweenGuests: number;
  /** The load of the operating system when the measurement began. */
  load: number;
}

/** The bytes that net-bench.c expects. */
export function stream(bytes = BYTES): Buffer {
  const words = new Uint32Array(bytes / 4);
  for (let i = 0; i < words.length; i++) words[i] = Math.imul(i, 0x9e3779b1) ^ (i >>> 15);
  return Buffer.from(words.buffer);
}

export function netBench(): string {
  return program("test/bench/net-bench.c");
}

/** Makes an initial RAM disk with a static address and a script. */
function ramdisk(address: string, script: string): string {
  const up = ["ifconfig lo up", `ifconfig eth0 ${address} up`, "route add default gw 10.0.2.2"];
  return initramfs(
    "ready",
    [...up, script, "echo FINISHED; sleep 1000"].join("\n"),
    { "net-bench": netBench() },
    kernelModules("xen-netfront"),
  );
}

async function listening(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}

/** Returns the seconds that the program in the guest reported. What it received must be intact. */
function seconds(guest: BenchGuest, pattern = /NET bytes=(\d+) seconds=([\d.]+) intact=yes/): number {
  const found = pattern.exec(guest.text);
  if (!found || Number(found[1]) !== BYTES) throw new Error(`the guest did not get all of it:\n${guest.text}`);
  return Number(found[2]);
}

export async function measureNetwork(): Promise<Throughput> {
  const load = loadavg()[0]!;
  const sent = stream();
  const received = Buffer.alloc(BYTES);
  let at = 0;
  const source = createServer((socket) => socket.end(sent));
  const sink = createServer({ allowHalfOpen: true }, (socket: Socket) => {
    at = 0;
    socket.on("data", (bytes) => (at += bytes.copy(received, at)));
    socket.on("end", () => socket.end());
  });
  const host = await BenchHost.start(2, 1280);
  try {
    const { toolstack } = host.powered;
    const allow = async (port: number, hostPort: number) =>
      toolstack.request("networkService", { network: "xenbr0", port, hostPort });
    await allow(7000, await listening(source));
    await allow(7001, await listening(sink));
    const vif = (id: number) => [`vif = ['mac=00:16:3e:00:00:0${id}']`];
    const first = await host.create({
      name: "first",
      ramdisk: ramdisk(
        "10.0.2.31",
        [
          `net-bench fetch 10.0.2.2 7000 ${MIB}`,
          `net-bench send 10.0.2.2 7001 ${MIB}`,
          `net-bench sink 5000 ${MIB}`,
        ].join("\n"),
      ),
      memoryMiB: 400,
      lines: vif(1),
    });
    await first.shown(/^NET listening/);
    const fromServer = (BYTES * 8) / seconds(first);
    if (at !== BYTES || !received.equals(sent)) throw new Error("the server did not get what the guest sent");
    const toServer = (BYTES * 8) / seconds(first, /NET sent=(\d+) seconds=([\d.]+)/);
    const second = await host.create({
      name: "second",
      ramdisk: ramdisk("10.0.2.32", `net-bench send 10.0.2.31 5000 ${MIB}`),
      memoryMiB: 400,
      lines: vif(2),
    });
    await second.shown(/^FINISHED/);
    await first.shown(/^NET bytes.*intact=yes/, 2);
    const betweenGuests = (BYTES * 8) / seconds(second, /NET sent=(\d+) seconds=([\d.]+)/);
    return { fromServer, toServer, betweenGuests, load };
  } finally {
    await host.close();
    source.close();
    sink.close();
  }
}

export function networkReport(runs: Throughput[], median: (values: number[]) => number): string {
  const figure = (name: string, of: (run: Throughput) => number): string =>
    `| ${name} | ${Math.round(median(runs.map(of)) / 1e6)} |`;
  return [
    `${MIB} MiB by TCP, compared byte by byte; Debian 6.1 guests with one vCPU and one queue each. Load of the machine when it began: ${runs.map(({ load }) => load.toFixed(1)).join(", ")}; the bench ran with nice ${getPriority()}.`,
    [
      "| | Mbit/s |",
      "|---|---:|",
      figure("server on this computer to guest, through the gateway", ({ fromServer }) => fromServer),
      figure("guest to server", ({ toServer }) => toServer),
      figure("guest to guest, over a bridge", ({ betweenGuests }) => betweenGuests),
    ].join("\n"),
  ].join("\n\n");
}
