/**
 * The hypercall page: finds the frame of the domain that it is written to. Its content depends on the type of guest (GuestType.fillHypercallPage).
 */
import { frameWritten } from "../../machine/cpu/frames/written";
import { Domain } from "../domain/domain";
import { frameAddress } from "../memory/frames";
import { putPageAndType } from "../memory/page_type";
import { takeWritableFrame } from "../p2m/guest_frame";
import { typeOf } from "./type";

/** Writes the page into `frame`, as the domain numbers its frames. Returns false if the domain has no such frame that may be written. */
export function writeHypercallPage(d: Domain, frame: u64): bool {
  const mfn = takeWritableFrame(frame, d.domid);
  if (!mfn) return false;
  typeOf(d).fillHypercallPage(frameAddress(mfn));
  frameWritten(mfn);
  putPageAndType(mfn);
  return true;
}
