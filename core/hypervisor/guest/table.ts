/** The types of guests there are, a row each: the one file that knows them all. */
import { describeNative } from "./native/type";
import { describePv64 } from "./pv/type";
import { describePvh } from "./pvh/type";
import { GUEST_NATIVE, GUEST_PV64, GUEST_PVH, guestType } from "./type";

/** Fills the structures. Boot only, before the first domain. */
export function describeGuestTypes(): void {
  describeNative(guestType(GUEST_NATIVE));
  describePv64(guestType(GUEST_PV64));
  describePvh(guestType(GUEST_PVH));
}
