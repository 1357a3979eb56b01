/** `xenarium network`: the virtual networks of a running host. */
import { Command, InvalidArgumentError } from "commander";
import path from "node:path";
import type { ApiClient } from "../api/client.ts";
import type { ListedNetwork } from "../api/schema.ts";
import { carryOut } from "./carry-out.ts";

type Connect = () => Promise<Pick<ApiClient, "request">>;

function port(text: string): number {
  const number = Number(text);
  if (/^\d{1,5}$/.test(text) && number >= 1 && number <= 65535) return number;
  throw new InvalidArgumentError("It must be a port, 1 to 65535.");
}

function percent(text: string): number {
  if (/^\d{1,3}(\.\d+)?$/.test(text) && Number(text) <= 100) return Number(text);
  throw new InvalidArgumentError("It must be a number of percent, 0 to 100.");
}

function portOrAny(text: string): number {
  return text === "0" ? 0 : port(text);
}

/** Parses "10.0.2.15:22" or "[fd00::1]:22". */
function endpoint(text: string): { address: string; port: number } {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text);
  if (!match) throw new InvalidArgumentError("It must be ADDRESS:PORT of the guest, as 10.0.2.15:22.");
  return { address: match[1] ?? match[2]!, port: port(match[3]!) };
}

/** The declaration for commander, also used for help and completion. */
export function declared(connect: Connect): Command {
  const network = new Command("network").description("Virtual networks of the running host").exitOverride();
  const say = (text: string): void => void process.stdout.write(text);
  network
    .command("list", { isDefault: true })
    .description("Show bridges, who is on them, leases, forwarded ports")
    .option("--json", "as JSON")
    .action(async ({ json }: { json?: boolean }) => {
      const client = await connect();
      const networks = await client.request("networkList");
      const domains = await client.request("list");
      const nameOf = (domid: number): string => domains.find((each) => each.domid === domid)?.name ?? `domain ${domid}`;
      say(json ? `${JSON.stringify(networks, null, 2)}\n` : networks.map((each) => described(each, nameOf)).join("\n"));
    });
  network
    .command("create <name>")
    .description("Make a bridge with a way out through this computer")
    .option("--isolated", "guests get addresses and reach each other, and nothing else")
    .option("--bare", "a bridge and nothing else: no addresses are handed out")
    .option("--subnet <network>", "its IPv4 addresses, as 10.0.5.0/24")
    .action(async (name: string, options: { isolated?: boolean; bare?: boolean; subnet?: string }) => {
      const mode = options.bare ? "bare" : options.isolated ? "isolated" : "nat";
      const definition = { name, mode, ...(options.subnet && { ipv4: options.subnet }) } as const;
      await (await connect()).request("networkCreate", definition);
    });
  network
    .command("remove <name>")
    .description("Remove a bridge that nobody uses")
    .action(async (name: string) => void (await (await connect()).request("networkRemove", { name })));
  network
    .command("forward <name> <protocol> <port> <guest>")
    .description("A port of this computer (0: any free one) leads to a guest's ADDRESS:PORT")
    .option("--listen <address>", "where to listen", "127.0.0.1")
    .action(async (name: string, protocol: string, hostPort: string, guest: string, { listen }: { listen: string }) => {
      const to = endpoint(guest);
      const forward = {
        protocol: protocolOf(protocol),
        hostAddress: listen,
        hostPort: portOrAny(hostPort),
        guestAddress: to.address,
        guestPort: to.port,
      };
      const made = await (await connect()).request("networkForward", { network: name, forward });
      say(`${made.protocol} ${made.hostAddress}:${made.hostPort} leads to ${made.guestAddress}:${made.guestPort}\n`);
    });
  network
    .command("unforward <name> <protocol> <port>")
    .description("Stop listening on a forwarded port")
    .option("--listen <address>", "where it listens", "127.0.0.1")
    .action(async (name: string, protocol: string, hostPort: string, { listen }: { listen: string }) => {
      const forward = { protocol: protocolOf(protocol), hostAddress: listen, hostPort: port(hostPort) };
      await (await connect()).request("networkUnforward", { network: name, ...forward });
    });
  network
    .command("allow <name> <port> [host-port]")
    .description("Guests reach a port of this computer's loopback at the gateway's address")
    .action(async (name: string, at: string, hostPort?: string) => {
      const request = { network: name, port: port(at), hostPort: port(hostPort ?? at) };
      await (await connect()).request("networkService", request);
    });
  network
    .command("forbid <name> <port>")
    .description("Guests reach that port no more; connections that are made go on")
    .action(async (name: string, at: string) => {
      await (await connect()).request("networkService", { network: name, port: port(at), hostPort: null });
    });
  network
    .command("lose <name> <percent>")
    .description("Lose some of a bridge's frames on purpose, 0 for none: to see how guests bear it")
    .action(
      async (name: string, text: string) =>
        void (await (await connect()).request("networkLoss", { name, percent: percent(text) })),
    );
  network
    .command("capture <name> <file>")
    .description("Write a bridge's traffic into a new .pcap file until capture-end")
    .option("--interface <vif>", "of one interface only, as vif3.0")
    .option("--backend <domain>", "of a native driver domain's bridge")
    .action(async (name: string, file: string, options: { interface?: string; backend?: string }) => {
      const client = await connect();
      const backend = options.backend === undefined ? 0 : await client.request("resolve", { domain: options.backend });
      const request = { backend, network: name, port: options.interface ?? null, file: absolute(file) };
      await client.request("networkCapture", request);
    });
  network
    .command("capture-end <file>")
    .description("End a capture")
    .action(
      async (file: string) => void (await (await connect()).request("networkCaptureEnd", { file: absolute(file) })),
    );
  return network;
}

/** Runs it, and returns the exit status. */
export function network(args: string[], connect: Connect): Promise<number> {
  return carryOut(declared(connect), args);
}

function protocolOf(text: string): "tcp" | "udp" {
  if (text === "tcp" || text === "udp") return text;
  throw new InvalidArgumentError(`The protocol is "${text}"; allowed: tcp, udp.`);
}

/** The host may run in another folder. */
function absolute(file: string): string {
  return path.resolve(file);
}

function described(network: ListedNetwork, nameOf: (domid: number) => string): string {
  const of = network.backend === 0 ? "" : `  of ${nameOf(network.backend)}`;
  const lines = [`${network.name}${of}  ${network.mode}${network.ipv4 ? `  ${network.ipv4}` : ""}`];
  if (network.loss) lines.push(`  loses ${network.loss} % of the frames on purpose, ${network.lost} until now`);
  const { gateway } = network;
  if (gateway) lines.push(`  gateway ${gateway.address}`);
  for (const { name, addresses } of network.ports)
    if (name !== "gateway") lines.push(`  ${name}  ${addresses.join(" ")}`);
  for (const { mac, address, hostName } of gateway?.leases ?? [])
    lines.push(`  lease ${address}  ${mac}  ${hostName ?? ""}`.trimEnd());
  for (const { protocol, hostAddress, hostPort, guestAddress, guestPort } of gateway?.forwards ?? [])
    lines.push(`  forward ${protocol} ${hostAddress}:${hostPort} to ${guestAddress}:${guestPort}`);
  for (const { port: at, hostPort } of gateway?.services ?? [])
    lines.push(`  allowed: port ${at} is this computer's 127.0.0.1:${hostPort}`);
  return `${lines.join("\n")}\n`;
}
