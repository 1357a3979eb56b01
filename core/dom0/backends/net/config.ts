/** Interfaces as xl-network-configuration(5) has them: one specification string to the nodes that libxl writes. */
import { randomBytes } from "node:crypto";
import { ipBytes, macBytes, macText } from "../../network/packet/address.ts";
import { DEFAULT_BRIDGE } from "../../network/networks.ts";
import { readVif } from "./spec-text.ts";
import { SpecError, type DeviceKey, type DeviceSpec } from "../../xenbus/kind.ts";

/** Keys that change nothing here, and what they may be. */
const IGNORED: Record<string, RegExp> = {
  model: /^.*$/,
  script: /^.*$/,
  vifname: /^.{1,15}$/,
  trusted: /^[01]$/,
};
/** Keys of features that are not here. */
const REFUSED: Record<string, string> = {
  gatewaydev: "routed and NAT set-ups by scripts of the host are not there; bridges are",
  netdev: "routed and NAT set-ups by scripts of the host are not there; bridges are",
  vlan: "virtual LANs of Open vSwitch are not there",
  accel: "accelerated interfaces are not there",
  colo: "COLO is not there",
};
const DEFAULT_RATE_INTERVAL_MICROSECONDS = 50_000;

export const VIFS: DeviceKey = {
  key: "vif",
  parse: parseVif,
  idOf: (name) => (/^\d{1,4}$/.test(name) ? String(Number(name)) : null),
};

export function parseVif(text: string, before: readonly DeviceSpec[]): DeviceSpec {
  const given = readVif(text);
  const take = (name: string): string | null => {
    const value = given.get(name) ?? null;
    given.delete(name);
    return value;
  };
  for (const [name, why] of Object.entries(REFUSED)) if (given.has(name)) throw new SpecError(`${name}: ${why}`);
  for (const [name, allowed] of Object.entries(IGNORED)) {
    const value = take(name);
    if (value !== null && !allowed.test(value)) throw new SpecError(`${name} is "${value}", which it can't be`);
  }
  const type = take("type") ?? "vif";
  if (type !== "vif" && type !== "ioemu" && type !== "netfront")
    throw new SpecError(`type is "${type}"; allowed: vif, ioemu`);
  const mac = macOf(take("mac"));
  const id = idOf(take("devid"), before);
  const bridge = take("bridge") ?? DEFAULT_BRIDGE;
  const ip = take("ip");
  for (const address of ip?.split(/\s+/) ?? [])
    if (!ipBytes(address.replace(/\/\d{1,3}$/, "")))
      throw new SpecError(`ip is "${ip}"; allowed: IPv4 and IPv6 addresses`);
  const mtu = take("mtu");
  if (mtu !== null && !(/^\d+$/.test(mtu) && Number(mtu) >= 68 && Number(mtu) <= 1500))
    throw new SpecError(`mtu is "${mtu}"; allowed: 68 to 1500`);
  const rate = take("rate");
  const backend = take("backend") ?? "0";
  const [unknown] = given.keys();
  if (unknown !== undefined)
    throw new SpecError(`there is no key ${unknown}; allowed: mac, bridge, ip, rate, mtu, type, devid, backend`);
  if (before.some((other) => other.front.mac === mac))
    throw new SpecError(`there is another interface with the MAC address ${mac}`);
  return {
    kind: "vif",
    id,
    backend,
    front: { handle: id, mac, ...(mtu !== null && { mtu }), trusted: 1 },
    back: {
      script: "/etc/xen/scripts/vif-bridge",
      mac,
      bridge,
      handle: id,
      type: "vif",
      ...(ip && { ip }),
      ...(mtu !== null && { mtu }),
      ...(rate !== null && { rate: rateNode(rate) }),
    },
    files: [],
  };
}

/** Xen's own prefix where none is given, as libxl takes it. */
function macOf(text: string | null): string {
  if (text === null) return macText(Uint8Array.of(0x00, 0x16, 0x3e, randomBytes(1)[0]! & 0x7f, ...randomBytes(2)));
  const bytes = macBytes(text);
  if (!bytes || bytes[0]! & 1 || bytes.every((byte) => byte === 0))
    throw new SpecError(
      `mac is "${text}"; allowed: six bytes as 00:16:3e:01:02:03, of one interface and not of a group`,
    );
  return macText(bytes);
}

function idOf(text: string | null, before: readonly DeviceSpec[]): string {
  if (text === null) {
    let id = 0;
    while (before.some((other) => other.id === String(id))) id++;
    return String(id);
  }
  if (!/^\d{1,4}$/.test(text)) throw new SpecError(`devid is "${text}"; allowed: 0 to 9999`);
  const id = String(Number(text));
  if (before.some((other) => other.id === id)) throw new SpecError(`there is another interface ${id}`);
  return id;
}

/** "10Mb/s", "250KB/s", "1MB/s@20ms" to "bytes an interval,microseconds", as xlu_vif_parse_rate does. */
export function rateNode(text: string): string {
  const match = /^(\d+)([GMK]?)([Bb])\/s(?:@(\d+)(s|ms|us))?$/.exec(text);
  if (!match)
    throw new SpecError(
      `rate is "${text}"; allowed: a number with Gb/s, Mb/s, Kb/s, b/s or GB/s … B/s, and @INTERVAL in s, ms or us`,
    );
  const [, number, prefix, unit, interval, scale] = match;
  const bits =
    Number(number) * { G: 1e9, M: 1e6, K: 1e3, "": 1 }[prefix as "G" | "M" | "K" | ""] * (unit === "B" ? 8 : 1);
  const microseconds = interval
    ? Number(interval) * { s: 1e6, ms: 1e3, us: 1 }[scale as "s" | "ms" | "us"]
    : DEFAULT_RATE_INTERVAL_MICROSECONDS;
  const bytes = Math.floor(((bits / 8) * microseconds) / 1e6);
  if (microseconds < 1 || microseconds > 0xffffffff || bytes < 1)
    throw new SpecError(`rate is "${text}", which lets nothing through`);
  return `${bytes},${microseconds}`;
}
