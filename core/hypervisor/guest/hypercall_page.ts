/** The hypercall page: which frame of the domain's it is to be. What stands in it is the type's (GuestType.fillHypercallPage). */
import { frameWritten } from "../../machine/cpu/frames/written";
import { Domain } from "../domain/domain";
import { frameAddress } from "../memory/frames";
import { putPageAndType } from "../memory/page_type";
import { takeWritableFrame } from "../p2m/guest_frame";
import { typeOf } from "./type";

/** Writes it into `frame`, as the domain numbers its frames. False: the domain has no such frame that may be written. */
export function writeHypercallPage(d: Domain, frame: u64): bool {
  const mfn = takeWritableFrame(frame, d.domid);
  if (!mfn) return false;
  typeOf(d).fillHypercallPage(frameAddress(mfn));
  frameWritten(mfn);
  putPageAndType(mfn);
  return true;
}
