/**
 * What a guest's type does around every run, for the pCPU's loop. A PV guest's exits are so short that a call through its structure would be
 * noticeable (1.5 ns of 75), so that type's functions are called by name here; its structure names the same functions.
 */
import { Vcpu } from "../domain/domain";
import { pvBeforeEnter, pvHandleExit } from "./pv/entry";
import { GUEST_PV64, guestType, typeOf } from "./type";

/** Delivers what waits for the vCPU. Returns false if it may not run now. */
// @ts-ignore: decorator
@inline
export function beforeEnter(v: Vcpu): bool {
  const type = typeOf(v.domain);
  return type == guestType(GUEST_PV64) ? pvBeforeEnter(v) : type.beforeEnter(v);
}

/** Handles the exit EXIT_* for which the vCPU stopped. */
// @ts-ignore: decorator
@inline
export function handleExit(v: Vcpu, reason: i32): void {
  const type = typeOf(v.domain);
  if (type == guestType(GUEST_PV64)) pvHandleExit(v, reason);
  else type.handleExit(v, reason);
}
