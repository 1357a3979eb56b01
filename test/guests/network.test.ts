/** Real network frontends, Debian's xen-netfront, on this host's backend, bridge and gateway. */
import { createHash, randomBytes } from "node:crypto";
import { createServer as createHttp } from "node:http";
import { connect, createServer, type AddressInfo, type Server } from "node:net";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { HostService } from "../../core/api/host-service.ts";
import { builtHost } from "../built-host.ts";
import { temporaryFolder } from "../temporary.ts";
import { debianKernel, guestsMissing, initramfs, kernelModules } from "./images.ts";
import { onConsole } from "./on-console.ts";

const missing = guestsMissing();
const folder = temporaryFolder("network");
let host: HostService;
const servers: Server[] = [];

const { ask, shown, says } = onConsole(() => host, 240_000);
const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

/** Sets up eth0 with what the DHCP server says. */
const UDHCPC = [
  "#!/bin/busybox sh",
  'test "$1" = bound || exit 0',
  "ifconfig $interface $ip netmask $subnet",
  'test -n "$router" && route add default gw $router',
  'echo "nameserver $dns" > /etc/resolv.conf',
  'echo "BOUND $ip $router $dns $mtu"',
].join("\n");
const UP = [
  "mkdir -p /etc; chmod +x /bin/udhcpc.sh",
  "ifconfig lo up; ifconfig eth0 up",
  "udhcpc -q -n -t 20 -T 1 -i eth0 -s /bin/udhcpc.sh -x hostname:$(hostname)",
];

async function start(name: string, script: string[], vifs: string[], vcpus = 1): Promise<number> {
  const programs = { "udhcpc.sh": path.join(folder, "udhcpc.sh") };
  const ramdisk = initramfs(
    "ready",
    [`hostname ${name}`, ...script].join("\n"),
    programs,
    kernelModules("xen-netfront"),
  );
  const config = [
    `name = "${name}"`,
    `kernel = "${debianKernel()}"`,
    `ramdisk = "${ramdisk}"`,
    `cmdline = "console=hvc0 quiet"`,
    `memory = 192`,
    `vcpus = ${vcpus}`,
    `vif = [${vifs.map((vif) => `'${vif}'`).join(", ")}]`,
  ].join("\n");
  return (await ask("create", { config })).domid;
}

const listen = async (server: Server): Promise<number> => {
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
};

beforeAll(async () => {
  writeFileSync(path.join(folder, "udhcpc.sh"), UDHCPC);
  host = builtHost({ memoryMiB: 768, pcpus: 2 });
  await host.powerOn();
});
afterAll(async () => {
  await host.powerOff(1000);
  for (const server of servers) server.close();
});

describe.skipIf(missing !== null)(`networks${missing ? ` (${missing})` : ""}`, () => {
  it("Linux gets an address, resolves names, fetches and sends through the gateway intact, and is reached by a forwarded port", async () => {
    const big = randomBytes(24 << 20);
    const part = big.subarray(0, 1 << 20);
    const received: Buffer[] = [];
    const http = await listen(createHttp(({ url }, response) => response.end(url === "/part" ? part : big)));
    const sink = await listen(createServer((socket) => socket.on("data", (bytes) => received.push(bytes))));
    await ask("networkService", { network: "xenbr0", port: 8000, hostPort: http });
    await ask("networkService", { network: "xenbr0", port: 8001, hostPort: sink });
    const domid = await start(
      "alpha",
      [
        ...UP,
        'nslookup gateway.xenarium.internal | grep -A1 "Name:" | tail -1',
        "ping -c 2 10.0.2.2 | grep received",
        'echo "GOT $(wget -q -O - http://10.0.2.2:8000/ | sha256sum | cut -d" " -f1)"',
        // By the address that it makes from the advertised prefix, as soon as it has one.
        "until ping6 -c 1 -W 1 fd58:656e:0:2::2 > /ping6 2>&1; do usleep 100000; done",
        'echo "PING6 $(grep received /ping6)"',
        'echo "GOT6 $(wget -q -O - http://[fd58:656e:0:2::2]:8000/part | sha256sum | cut -d" " -f1)"',
        "dd if=/dev/urandom of=/sent bs=64k count=64 2>/dev/null",
        'echo "SENT $(sha256sum /sent | cut -d" " -f1)"',
        "nc 10.0.2.2 8001 < /sent",
        "nc -w 3 10.0.2.2 22 < /dev/null || echo REFUSED-GATEWAY",
        "nc -w 3 169.254.169.254 80 < /dev/null || echo REFUSED-METADATA",
        "cat /sys/class/net/eth0/statistics/rx_errors /sys/class/net/eth0/statistics/rx_dropped",
        "echo SERVING; echo hello from the guest | nc -l -p 22",
        "poweroff -f",
      ],
      ["mac=00:16:3e:00:00:01,ip=10.0.2.77,mtu=1400"],
    );
    await says(domid, /SERVING/);
    const log = await shown(domid);
    // The address and the MTU that the configuration names. What arrives must fit that MTU.
    expect(log).toContain("BOUND 10.0.2.77 10.0.2.2 10.0.2.3 1400");
    expect(log).toMatch(/PING6 .*1 packets received/);
    expect(log).toContain(`GOT6 ${sha256(part)}`);
    expect(log).toMatch(/Address: (10\.0\.2\.2|fd58)/);
    expect(log).toContain("2 packets received");
    expect(log).toContain(`GOT ${sha256(big)}`);
    expect(log).toContain("REFUSED-GATEWAY");
    expect(log).toContain("REFUSED-METADATA");
    await expect
      .poll(() => sha256(Buffer.concat(received)), { timeout: 20_000 })
      .toBe(/SENT ([0-9a-f]{64})/.exec(log)![1]);
    const guestAddress = /BOUND (\S+)/.exec(log)![1]!;
    const { hostPort } = await ask("networkForward", {
      network: "xenbr0",
      forward: { protocol: "tcp", hostAddress: "127.0.0.1", hostPort: 0, guestAddress, guestPort: 22 },
    });
    const answer = (): Promise<string> =>
      new Promise((resolve) => {
        const socket = connect(hostPort, "127.0.0.1");
        let text = "";
        socket.on("data", (bytes) => (text += bytes.toString()));
        socket.on("end", () => socket.end());
        socket.on("close", () => resolve(text));
        // The guest may not listen yet, and then resets the connection.
        socket.on("error", () => {});
      });
    await expect.poll(answer).toBe("hello from the guest\n");
    const { devices } = await ask("wiring", { domid });
    const vif = devices.find(({ kind }) => kind === "vif");
    if (vif) expect(vif.rings).toHaveLength(2);
    expect(await ask("checkInvariants")).toBe(0);
  }, 400_000);

  it("two guests on a bridge of their own reach each other, with several queues, and not the world", async () => {
    await ask("networkCreate", { name: "lab", mode: "isolated" });
    const server = await start(
      "server",
      [...UP, "echo UP", "nc -l -p 5000 | sha256sum", "echo 3 > /proc/self/fd/2; poweroff -f"],
      ["bridge=lab"],
      2,
    );
    await says(server, /UP\b/);
    const client = await start(
      "client",
      [
        ...UP,
        "ls -d /sys/class/net/eth0/queues/tx-* | wc -l",
        "dd if=/dev/urandom of=/sent bs=64k count=160 2>/dev/null; sha256sum /sent",
        "nc server.xenarium.internal 5000 < /sent",
        "nc -w 3 192.0.2.1 80 < /dev/null || echo NO-WAY-OUT",
        "echo DONE; poweroff -f",
      ],
      ["bridge=lab,rate=400Mb/s"],
      2,
    );
    await says(client, /DONE/);
    const sent = /([0-9a-f]{64})/.exec(await shown(client))![1]!;
    await says(server, new RegExp(sent));
    expect(await shown(client)).toContain("NO-WAY-OUT");
    const networks = await ask("networkList");
    expect(
      networks
        .find(({ name }) => name === "lab")!
        .gateway!.leases.map(({ hostName }) => hostName)
        .sort(),
    ).toEqual(["client", "server"]);
    await expect(
      ask("networkForward", {
        network: "none",
        forward: { protocol: "tcp", hostAddress: "127.0.0.1", hostPort: 0, guestAddress: "10.0.2.9", guestPort: 1 },
      }),
    ).rejects.toThrow("no bridge none");
    expect(await ask("checkInvariants")).toBe(0);
  }, 400_000);
});
