/**
 * The network with Debian's own programs: iperf3 between guests, a web page and ssh (dropbear) through forwarded ports, apt-get through the NAT, and
 * transfers that lose frames on the way.
 */
import { execFileSync, spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { get } from "node:http";
import { createServer, type AddressInfo, type Server } from "node:net";
import path from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { HostService } from "../../core/api/host-service.ts";
import { builtHost } from "../built-host.ts";
import { netBench, stream } from "../bench/net.ts";
import { debianDisk, debianDiskMissing } from "../guests/debian-disk.ts";
import { packagedPrograms, started } from "../guests/dynamic.ts";
import {
  debianKernel,
  debianPackage,
  guestsMissing,
  initramfs,
  kernelModules,
  packageMissing,
} from "../guests/images.ts";
import { onConsole } from "../guests/on-console.ts";
import { temporaryFolder } from "../temporary.ts";

const folder = temporaryFolder("network-long");
const PACKAGES = ["libc6", "iperf3", "libiperf0", "libsctp1", "libssl3", "dropbear-bin", "libtomcrypt1", "libtommath1"];
const LIBRARIES = ["libcrypt1", "zlib1g", "libgmp10"];
const missing =
  guestsMissing() ?? [...PACKAGES, ...LIBRARIES].map(packageMissing).find((reason) => reason !== null) ?? null;
let host: HostService;
const servers: Server[] = [];
const running: number[] = [];
const { ask, shown } = onConsole(() => host);

async function start(name: string, ramdisk: string, memory: number, lines: string[]): Promise<number> {
  const config = [
    `name = "${name}"`,
    `kernel = "${debianKernel()}"`,
    `ramdisk = "${ramdisk}"`,
    `cmdline = "console=hvc0 quiet"`,
    `memory = ${memory}`,
    ...lines,
  ].join("\n");
  const { domid } = await ask("create", { config });
  running.push(domid);
  return domid;
}
const says = async (domid: number, pattern: RegExp, seconds = 240): Promise<RegExpExecArray> => {
  await expect.poll(() => shown(domid), { timeout: seconds * 1000, interval: 250 }).toMatch(pattern);
  return pattern.exec(await shown(domid))!;
};
const listen = async (server: Server): Promise<number> => {
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
};
const up = (address: string): string[] => [
  "ifconfig lo up",
  `ifconfig eth0 ${address} up`,
  "route add default gw 10.0.2.2",
];
const forward = async (guestAddress: string, guestPort: number): Promise<number> =>
  (
    await ask("networkForward", {
      network: "xenbr0",
      forward: { protocol: "tcp", hostAddress: "127.0.0.1", hostPort: 0, guestAddress, guestPort },
    })
  ).hostPort;

beforeAll(async () => {
  host = builtHost({ memoryMiB: 1400, pcpus: 2 });
  await host.powerOn();
});
afterEach(async () => {
  for (const domid of running.splice(0)) await ask("destroy", { domid }).catch(() => {});
  await ask("networkLoss", { name: "xenbr0", percent: 0 });
  expect(await ask("checkInvariants")).toBe(0);
});
afterAll(async () => {
  await host.powerOff(1000);
  for (const server of servers) server.close();
});

describe.skipIf(missing !== null)(`networks with Debian's programs${missing ? ` (${missing})` : ""}`, () => {
  it("50 MiB arrive intact, both ways, where 2 % of the frames are lost", async () => {
    const MIB = 50;
    const sent = stream(MIB << 20);
    const received = Buffer.alloc(sent.length);
    let at = 0;
    const source = await listen(createServer((socket) => socket.end(sent)));
    const sink = await listen(
      createServer({ allowHalfOpen: true }, (socket) => {
        socket.on("data", (bytes) => (at += bytes.copy(received, at)));
        socket.on("end", () => socket.end());
      }),
    );
    await ask("networkService", { network: "xenbr0", port: 7000, hostPort: source });
    await ask("networkService", { network: "xenbr0", port: 7001, hostPort: sink });
    await ask("networkLoss", { name: "xenbr0", percent: 2 });
    const script = [...up("10.0.2.41"), `net-bench fetch 10.0.2.2 7000 ${MIB}`, `net-bench send 10.0.2.2 7001 ${MIB}`];
    const ramdisk = initramfs(
      "ready",
      [...script, "echo FINISHED; sleep 1000"].join("\n"),
      { "net-bench": netBench() },
      kernelModules("xen-netfront"),
    );
    const domid = await start("lossy", ramdisk, 300, ["vif = ['']"]);
    await says(domid, /^FINISHED/m);
    const [, bytes, seconds] = await says(domid, /NET bytes=(\d+) seconds=([\d.]+) intact=yes/);
    expect(Number(bytes)).toBe(sent.length);
    expect(at).toBe(sent.length);
    expect(received.equals(sent)).toBe(true);
    const { lost } = (await ask("networkList")).find(({ name }) => name === "xenbr0")!;
    expect(lost).toBeGreaterThan(100);
    const there = (await says(domid, /NET sent=\d+ seconds=([\d.]+)/))[1];
    console.log(`50 MiB with 2 % lost (${lost} frames): in ${seconds} s, out ${there} s`);
  });

  it("iperf3 runs between two guests, several streams and both ways; a page and ssh come by forwarded ports", async () => {
    const programs = packagedPrograms(...PACKAGES, ...LIBRARIES);
    const server = initramfs(
      "ready",
      [
        ...up("10.0.2.51"),
        "mkdir -p /etc /root /dev/pts /www /etc/dropbear",
        'echo "root::0:0:root:/root:/bin/sh" > /etc/passwd; echo /bin/sh > /etc/shells',
        "echo 'a page of the guest' > /www/index.html",
        "busybox httpd -p 80 -h /www",
        `${started("dropbear")} -R -B -E -p 22`,
        "echo SERVING",
        `${started("iperf3")} -s`,
      ].join("\n"),
      programs,
      kernelModules("xen-netfront"),
    );
    const serving = await start("server", server, 256, ["vif = ['']"]);
    await says(serving, /^SERVING/m);
    const client = initramfs(
      "ready",
      [
        ...up("10.0.2.52"),
        ...["-t 5", "-t 5 -R", "-t 3 -P 4"].map(
          (how) => `${started("iperf3")} -c 10.0.2.51 -f m ${how} || echo FAILED`,
        ),
        "echo FINISHED; sleep 1000",
      ].join("\n"),
      programs,
      kernelModules("xen-netfront"),
    );
    const calling = await start("client", client, 256, ["vif = ['']"]);

    const web = await forward("10.0.2.51", 80);
    const page = await new Promise<string>((resolve, reject) => {
      get(`http://127.0.0.1:${web}/`, (response) => {
        let text = "";
        response.on("data", (bytes: Buffer) => (text += bytes.toString()));
        response.on("end", () => resolve(text));
      }).on("error", reject);
    });
    expect(page).toBe("a page of the guest\n");

    await says(calling, /^FINISHED/m);
    const log = await shown(calling);
    expect(log).not.toContain("FAILED");
    const rates = [...log.matchAll(/([\d.]+) Mbits\/sec.*receiver/g)].map(([, rate]) => Number(rate));
    console.log(`iperf3, Mbit/s: ${rates.join(", ")}`);
    expect(rates.length).toBeGreaterThanOrEqual(3);

    // The client of the same package, on this computer.
    const ssh = await forward("10.0.2.51", 22);
    const libraries = [...PACKAGES, ...LIBRARIES].flatMap((name) =>
      ["lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu"].map((each) => path.join(debianPackage(name), each)),
    );
    const said = await new Promise<string>((resolve, reject) => {
      const loader = path.join(debianPackage("libc6"), "lib/x86_64-linux-gnu/ld-linux-x86-64.so.2");
      const dbclient = path.join(debianPackage("dropbear-bin"), "usr/bin/dbclient");
      const child = spawn(
        loader,
        [
          "--library-path",
          libraries.join(":"),
          dbclient,
          "-y",
          "-y",
          "-p",
          String(ssh),
          "root@127.0.0.1",
          "uname -n; head -c 3000000 /dev/zero | sha256sum",
        ],
        { env: { ...process.env, HOME: folder }, stdio: ["ignore", "pipe", "pipe"] },
      );
      let text = "";
      let complaint = "";
      child.stdout.on("data", (bytes: Buffer) => (text += bytes.toString()));
      child.stderr.on("data", (bytes: Buffer) => (complaint += bytes.toString()));
      child.on("close", (status) => (status === 0 ? resolve(text) : reject(new Error(complaint + text))));
    });
    expect(said).toContain("(none)");
    expect(said).toMatch(/[0-9a-f]{64}/);
  });

  const noApt = debianDiskMissing() ?? mirrorMissing();
  it.skipIf(noApt !== null)(`apt-get update runs in a guest through the NAT${noApt ? ` (${noApt})` : ""}`, async () => {
    const image = path.join(folder, "debian.img");
    debianDisk(image);
    const script = [
      "mkdir -p /etc",
      ...up("10.0.2.61"),
      "mount -t ext4 /dev/xvda1 /mnt",
      "mount -t proc proc /mnt/proc; mount -t devtmpfs dev /mnt/dev; mount -t tmpfs tmp /mnt/tmp",
      "echo nameserver 10.0.2.3 > /mnt/etc/resolv.conf",
      "cp /bin/sources.list /mnt/etc/apt/sources.list",
      "busybox chroot /mnt apt-get update && echo APT-DONE || echo APT-FAILED",
      "busybox chroot /mnt apt-cache policy openssh-server | grep Candidate",
      "sync; umount /mnt/tmp /mnt/dev /mnt/proc /mnt",
      "echo FINISHED; sleep 1000",
    ];
    const sources = path.join(folder, "sources.list");
    writeFileSync(sources, mirrorLines());
    const ramdisk = initramfs(
      "ready",
      script.join("\n"),
      { "sources.list": sources },
      kernelModules("xen-netfront", "xen-blkfront", "crc32c_generic", "ext4"),
    );
    const domid = await start("apt", ramdisk, 512, ["vif = ['']", `disk = ["${image},raw,xvda,rw"]`]);
    await says(domid, /^FINISHED/m, 600);
    const log = await shown(domid);
    expect(log).toMatch(/Fetched .* in /);
    expect(log).toContain("APT-DONE");
    expect(log).toMatch(/Candidate: \d/);
    console.log(/Fetched .*/.exec(log)![0]);
  });
});

/** Returns this computer's own package sources, as one-line entries. */
function mirrorLines(): string {
  const from = ["/etc/apt/sources.list", ...list("/etc/apt/sources.list.d")].filter(existsSync);
  for (const file of from) {
    const text = readFileSync(file, "utf8").replace(/^#.*\n/gm, "");
    const uri = /^URIs:\s*(http:\S+)/m.exec(text)?.[1] ?? /^deb(?: \[[^\]]*\])? (http:\S+)/m.exec(text)?.[1];
    if (uri) return `deb ${uri} bookworm main\n`;
  }
  return "";
}

function list(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder).map((name) => path.join(folder, name)) : [];
}

/** Returns why a guest has nothing to fetch package lists from, or null. */
function mirrorMissing(): string | null {
  if (!mirrorLines()) return "this computer's apt has no http mirror";
  try {
    execFileSync("apt-get", ["-qq", "--print-uris", "update"], { stdio: "ignore" });
    return null;
  } catch {
    return "apt-get does not work here";
  }
}
