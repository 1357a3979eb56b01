/** What names a device: who has its backend, of which kind it is, whose it is, and which of that domain's. */
export interface DeviceAddress {
  readonly backendDomid: number;
  /** As in xenstore's paths: "vbd". */
  readonly kind: string;
  /** The frontend's domain. */
  readonly domid: number;
  /** Digits, unique among the domain's devices of that kind. */
  readonly id: string;
}

export function backendRoot(backendDomid: number): string {
  return `/local/domain/${backendDomid}/backend`;
}

export function backendPath({ backendDomid, kind, domid, id }: DeviceAddress): string {
  return `${backendRoot(backendDomid)}/${kind}/${domid}/${id}`;
}

/** Where the frontend of such a device is, unless its kind says otherwise. */
export function frontendPath({ kind, domid, id }: DeviceAddress): string {
  return `/local/domain/${domid}/device/${kind}/${id}`;
}

/** One word for it among all devices of the host. */
export function deviceKey({ backendDomid, kind, domid, id }: DeviceAddress): string {
  return `${backendDomid}/${kind}/${domid}/${id}`;
}
