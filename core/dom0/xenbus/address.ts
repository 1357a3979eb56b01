/** What identifies a device: the domain of its backend, its kind, the domain that has it, and its id there. */
export interface DeviceAddress {
  readonly backendDomid: number;
  /** The kind as in xenstore's paths: "vbd". */
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

/** Returns where the frontend of a device is, unless its kind says otherwise. */
export function frontendPath({ kind, domid, id }: DeviceAddress): string {
  return `/local/domain/${domid}/device/${kind}/${id}`;
}

/** Returns a string that identifies the device among all devices of the host. */
export function deviceKey({ backendDomid, kind, domid, id }: DeviceAddress): string {
  return `${backendDomid}/${kind}/${domid}/${id}`;
}
