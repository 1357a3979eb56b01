/** XenbusState of public/io/xenbus.h: how far one end of a device has come, written into the `state` node of its directory. */
export const XENBUS = {
  Unknown: 0,
  Initialising: 1,
  InitWait: 2,
  Initialised: 3,
  Connected: 4,
  Closing: 5,
  Closed: 6,
  Reconfiguring: 7,
  Reconfigured: 8,
} as const;
export type XenbusState = (typeof XENBUS)[keyof typeof XENBUS];

/** Converts a node's value; Unknown for a missing node and for what is no state. */
export function xenbusState(value: string | null): XenbusState {
  return value !== null && /^[1-8]$/.test(value) ? (Number(value) as XenbusState) : XENBUS.Unknown;
}
