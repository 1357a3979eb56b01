/** The keys of xl-network-configuration(5), and what becomes of each. docs/xl.cfg.md is made from this. Nothing here needs Node. */

/** What becomes of a key: it works; it is accepted, with a sentence that says which effect is missing; or it is refused. */
export type VifKeyFate =
  { readonly works: string } | { readonly warns: string; readonly allowed: RegExp } | { readonly refused: string };

/** All keys of xl-network-configuration(5) and of libxl 4.17's parser. */
export const VIF_KEYS: Readonly<Record<string, VifKeyFate>> = {
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
