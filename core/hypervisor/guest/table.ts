/** The table of the types of guests, a row for each. No other file knows them all. */
import { describeNative } from "./native/type";
import { describePv64 } from "./pv/type";
import { describePvh } from "./pvh/type";
import { GUEST_NATIVE, GUEST_PV64, GUEST_PVH, guestType } from "./type";

/** Fills the table. Called during boot only, before the first domain is made. */
export function describeGuestTypes(): void {
  describeNative(guestType(GUEST_NATIVE));
  describePv64(guestType(GUEST_PV64));
  describePvh(guestType(GUEST_PVH));
}
