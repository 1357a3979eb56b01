/** Interfaces as xl-network-configuration(5) has them: one specification string to the nodes that libxl writes. */
import { randomBytes } from "node:crypto";
import { ipBytes, macBytes, macText } from "../../network/packet/address.ts";
import { DEFAULT_BRIDGE } from "../../network/networks.ts";
import { readVif } from "./spec-text.ts";
import { SpecError, type DeviceKey, type DeviceSpec } from "../../xenbus/kind.ts";

/** What becomes of a key: it works; it is taken, with a sentence that says what does not come of it; or it can't be had. */
type Fate =
  { readonly works: string } | { readonly warns: string; readonly allowed: RegExp } | { readonly refused: string };

/** All keys of xl-network-configuration(5) and of libxl 4.17's parser. */
export const VIF_KEYS: Readonly<Record<string, Fate>> = {
  mac: { works: "the guest's address on the bridge, which no other guest can take" },
  bridge: { works: "a bridge of this host's own (`xenarium network`); xenbr0 if it is left out" },
  ip: { works: "the address that DHCP hands out, and the only ones that the guest may send from" },
  rate: { works: "the limit of what the guest sends, over all queues together" },
  mtu: { works: "the longest packet that the guest gets, 68 to 1500, told by DHCP and kept by the gateway" },
  devid: { works: "the number of the interface" },
  backend: { works: "the domain that has the backend" },
  trusted: { works: "tells the frontend whether to trust its backend (trusted, untrusted)" },
  type: { warns: "a PV domain has no emulated card, only the paravirtualised one", allowed: /^(vif|ioemu|netfront)$/ },
  model: { warns: "a PV domain has no emulated card whose model could be chosen", allowed: /^.*$/ },
  script: { warns: "no scripts run on this computer: the interface is put on its bridge by Xenarium", allowed: /^.*$/ },
  vifname: { warns: "interfaces are called by their domain and number, as vif3.0", allowed: /^.{1,15}$/ },
  accel: { warns: "accelerated interfaces are not there, nor with xl 4.17", allowed: /^.*$/ },
  gatewaydev: { refused: "routed and NAT set-ups by scripts of the host are not there; bridges are" },
  netdev: { refused: "routed and NAT set-ups by scripts of the host are not there; bridges are" },
  forwarddev: { refused: "COLO is not there" },
  colo: { refused: "COLO is not there" },
  vlan: { refused: "virtual LANs of Open vSwitch are not there" },
};
const ALLOWED = Object.keys(VIF_KEYS)
  .filter((key) => "works" in VIF_KEYS[key]!)
  .join(", ");
/** What asks for what a PV domain has anyway. */
const HARMLESS: Readonly<Record<string, RegExp>> = { type: /^(vif|netfront)$/, script: /(^|\/)vif-bridge$/ };
const DEFAULT_RATE_INTERVAL_MICROSECONDS = 50_000;

export const VIFS: DeviceKey = {
  key: "vif",
  parse: parseVif,
  remarks: vifRemarks,
  idOf: (name) => (/^\d{1,4}$/.test(name) ? String(Number(name)) : null),
};

export function parseVif(text: string, before: readonly DeviceSpec[]): DeviceSpec {
  const given = readVif(text);
  const take = (name: string): string | null => {
    const value = given.get(name) ?? null;
    given.delete(name);
    return value;
  };
  for (const [name, value] of given) {
    const fate = VIF_KEYS[name];
    if (!fate) throw new SpecError(`there is no key ${name}; allowed: ${ALLOWED}`);
    if ("refused" in fate) throw new SpecError(`${name}: ${fate.refused}`);
    if ("warns" in fate && !fate.allowed.test(value)) throw new SpecError(`${name} is "${value}", which it can't be`);
  }
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
  const trusted = take("trusted") ?? "1";
  if (!/^[01]$/.test(trusted)) throw new SpecError(`trusted is "${trusted}"; allowed: trusted or untrusted`);
  if (before.some((other) => other.front.mac === mac))
    throw new SpecError(`there is another interface with the MAC address ${mac}`);
  return {
    kind: "vif",
    id,
    backend,
    front: { handle: id, mac, ...(mtu !== null && { mtu }), trusted: Number(trusted) },
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

/** A sentence for each key that is taken and changes nothing. */
export function vifRemarks(text: string): string[] {
  return [...readVif(text)].flatMap(([name, value]) => {
    const fate = VIF_KEYS[name];
    return fate && "warns" in fate && !HARMLESS[name]?.test(value) ? [`${name}: ${fate.warns}`] : [];
  });
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
