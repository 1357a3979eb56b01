/** `xenarium network` against a running host: what it says and what it does. */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ApiClient } from "../../core/api/client.ts";
import type { HostService } from "../../core/api/host-service.ts";
import { connectLocal } from "../../core/api/transport/local-client.ts";
import { serveLocal } from "../../core/api/transport/local-socket.ts";
import { network } from "../../core/cli/network.ts";
import { builtHost } from "../built-host.ts";
import { temporaryFolder } from "../temporary.ts";

const folder = temporaryFolder("network-cli");
const socket = path.join(folder, "socket");
let host: HostService;
let local: Awaited<ReturnType<typeof serveLocal>>;
let client: ApiClient;

beforeAll(async () => {
  host = builtHost();
  await host.powerOn();
  local = await serveLocal(host, socket);
  client = new ApiClient(await connectLocal(socket));
});
afterAll(async () => {
  client.close();
  await local.close();
  await host.powerOff(1000);
});

/** Returns what the command prints. */
async function says(...args: string[]): Promise<string> {
  let text = "";
  const write = process.stdout.write.bind(process.stdout);
  process.stdout.write = ((piece: string) => (text += piece)) as never;
  try {
    await network(args, () => Promise.resolve(client));
  } finally {
    process.stdout.write = write;
  }
  return text;
}

describe("xenarium network", () => {
  it("lists, makes and removes bridges", async () => {
    expect(await says("list")).toBe("xenbr0  nat  10.0.2.0/24\n  gateway 10.0.2.2\n");
    await says("create", "lab", "--isolated", "--subnet", "10.7.0.0/24");
    await says("create", "wire", "--bare");
    expect(await says()).toContain("lab  isolated  10.7.0.0/24\n  gateway 10.7.0.2\n\nwire  bare\n");
    await says("lose", "lab", "2.5");
    expect(await says()).toContain("  loses 2.5 % of the frames on purpose, 0 until now\n");
    await says("lose", "lab", "0");
    expect(await says()).not.toContain("loses");
    await expect(says("lose", "lab", "101")).rejects.toThrow("0 to 100");
    await expect(says("create", "lab")).rejects.toThrow("There is a bridge lab already.");
    await expect(says("create", "x/y")).rejects.toThrow("can't be a bridge's name");
    await expect(says("create", "l2", "--subnet", "10.7.0.0/30")).rejects.toThrow("/8 to /27");
    await says("remove", "wire");
    await expect(says("remove", "wire")).rejects.toThrow("There is no bridge wire; there are xenbr0, lab.");
    await expect(says("remove", "xenbr0")).rejects.toThrow("stays");
    expect((JSON.parse(await says("list", "--json")) as { name: string }[]).map(({ name }) => name)).toEqual([
      "xenbr0",
      "lab",
    ]);
  });

  it("forwards ports, only at 127.0.0.1 unless asked, and says what it can't", async () => {
    const made = await says("forward", "xenbr0", "tcp", "0", "10.0.2.15:22");
    const port = /^tcp 127\.0\.0\.1:(\d+) leads to 10\.0\.2\.15:22\n$/.exec(made)![1]!;
    expect(await says("list")).toContain(`forward tcp 127.0.0.1:${port} to 10.0.2.15:22`);
    const taken = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => taken.once("listening", resolve));
    const used = String((taken.address() as AddressInfo).port);
    await expect(says("forward", "xenbr0", "tcp", used, "10.0.2.15:22")).rejects.toThrow(
      "something else listens there",
    );
    taken.close();
    await says("unforward", "xenbr0", "tcp", port);
    await expect(says("unforward", "xenbr0", "tcp", port)).rejects.toThrow("Nothing is forwarded");
    await expect(says("forward", "xenbr0", "icmp", "0", "10.0.2.15:22")).rejects.toThrow("allowed: tcp, udp");
    await expect(says("forward", "xenbr0", "tcp", "70000", "10.0.2.15:22")).rejects.toThrow("1 to 65535");
    await expect(says("forward", "xenbr0", "tcp", "0", "10.0.2.15")).rejects.toThrow("ADDRESS:PORT");
    await says("allow", "xenbr0", "8000", "8080");
    expect(await says("list")).toContain("port 8000 is this computer's 127.0.0.1:8080");
    await says("forbid", "xenbr0", "8000");
    expect(await says("list")).not.toContain("8000");
  });

  it("captures into a new file that tshark reads, never over one that is there", async () => {
    const file = path.join(folder, "xenbr0.pcap");
    await says("capture", "xenbr0", file);
    await expect(says("capture", "xenbr0", file)).rejects.toThrow("there is a file of that name");
    // Over the API a path must mean the same wherever the host was started.
    const relative = { network: "xenbr0", port: null, file: "here.pcap" };
    await expect(client.request("networkCapture", relative)).rejects.toThrow("a whole path");
    expect(existsSync("here.pcap")).toBe(false);
    await says("capture-end", file);
    await expect.poll(() => existsSync(file) && readFileSync(file).length).toBe(24);
    const tshark = spawnSync("tshark", ["-r", file, "-q", "-z", "io,phs"], { encoding: "utf8" });
    if (!tshark.error) expect(tshark.status).toBe(0);
  });
});
