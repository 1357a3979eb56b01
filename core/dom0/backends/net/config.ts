/** Reads interfaces as in xl-network-configuration(5), one specification string, and writes the nodes that libxl writes. */
import { randomBytes } from "node:crypto";
import { ipBytes, macBytes, macText } from "../../network/packet/address.ts";
import { DEFAULT_BRIDGE } from "../../network/networks.ts";
import { VIF_KEYS } from "./keys.ts";
import { readVif, writeVif } from "./spec-text.ts";
import { SpecError, type DeviceKey, type DeviceSpec } from "../../xenbus/kind.ts";

const ALLOWED = Object.keys(VIF_KEYS)
  .filter((key) => "works" in VIF_KEYS[key]!)
  .join(", ");
/** Values that ask for what a PV domain has anyway. */
const HARMLESS: Readonly<Record<string, RegExp>> = { type: /^(vif|netfront)$/, script: /(^|\/)vif-bridge$/ };
const DEFAULT_RATE_INTERVAL_MICROSECONDS = 50_000;

export const VIFS: DeviceKey = {
  key: "vif",
  parse: parseVif,
  // The text includes the address that it was given, since otherwise it would get another one each time.
  text: ({ id, front }, given) => writeVif(new Map([...readVif(given), ["mac", String(front.mac)], ["devid", id]])),
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
  // vif-bridge takes the first bridge if the name is empty.
  const bridge = take("bridge") || DEFAULT_BRIDGE;
  const ip = take("ip") || null;
  for (const address of ip?.split(/\s+/) ?? [])
    if (!ipBytes(address.replace(/\/\d{1,3}$/, "")))
      throw new SpecError(`ip is "${ip}"; allowed: IPv4 and IPv6 addresses`);
  const mtu = take("mtu");
  if (mtu !== null && !(/^\d+$/.test(mtu) && Number(mtu) >= 68 && Number(mtu) <= 1500))
    throw new SpecError(`mtu is "${mtu}"; allowed: 68 to 1500`);
  const rate = take("rate");
  const backend = take("backend") || "0";
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

/** Returns a sentence for each key that is accepted and has no effect. */
export function vifRemarks(text: string): string[] {
  return [...readVif(text)].flatMap(([name, value]) => {
    const fate = VIF_KEYS[name];
    return fate && "warns" in fate && !HARMLESS[name]?.test(value) ? [`${name}: ${fate.warns}`] : [];
  });
}

/** Uses Xen's own prefix where no address is given, as libxl does. */
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

/** Converts "10Mb/s", "250KB/s", "1MB/s@20ms" to "bytes an interval,microseconds", as xlu_vif_parse_rate does. */
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
