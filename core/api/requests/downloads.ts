/** Files from the web, and guests that can be fetched. */
import { z } from "zod";
import type { CreateResult, ImageDescription } from "../../toolstack/messages.ts";
import type { BinnedFile, DownloadReport, Fetched, GuestLook, KeptFile, OfferedGuests } from "../host-state.ts";
import { takes } from "./request.ts";
import { nothing } from "./values.ts";

const address = z.string().min(1).max(2048);
const download = z.string().regex(/^[0-9a-f]{16}$/, "must be a download's id");
const guest = z.string().min(1).max(64);
const name = z.string().min(1).max(1024);

export const DOWNLOAD_REQUESTS = {
  /** What is being fetched, and what has stopped and can continue. From then on `downloads` events report changes. */
  downloadsAttach: takes(nothing).gives<{ downloads: DownloadReport[] }>(),
  /**
   * Fetches a file by http or https. It is answered when the file is complete, checked and in the library. The same request again continues where it
   * was. The fetch goes on when its client disconnects.
   */
  downloadFetch: takes(
    z.strictObject({
      url: address,
      kind: z.enum(["kernel", "ramdisk", "disk"]),
      name: name.optional(),
      /** SHA-256 or SHA-512, hexadecimal. */
      checksum: z.string().min(1).max(200).optional(),
      /** Address of a list that has the checksum, such as SHA256SUMS. */
      checksums: address.optional(),
    }),
  ).gives<Fetched>(),
  /** Stops it; what has come is kept. */
  downloadStop: takes(z.strictObject({ download })).gives<null>(),
  /** Throws away what has come of one that has stopped. */
  downloadDiscard: takes(z.strictObject({ download })).gives<null>(),
  /** Kernels and RAM disks that the host keeps. */
  keptKernels: takes(nothing).gives<KeptFile[]>(),
  keptKernelInspect: takes(z.strictObject({ name })).gives<ImageDescription>(),
  /** Goes to the bin, for a day. EBUSY while there is a domain that was made of it, or would be if it went back to a snapshot. */
  keptKernelRemove: takes(z.strictObject({ name })).gives<null>(),
  /** Those that were deleted, the latest first: each for a day. */
  kernelBin: takes(nothing).gives<BinnedFile[]>(),
  /** Back among those that the host keeps, under its name or one made of it. Where it lies. */
  kernelRestore: takes(z.strictObject({ id: name })).gives<{ path: string }>(),
  /** One of them goes for good, or all that nobody needs. EBUSY where somebody needs that one. */
  kernelPurge: takes(z.strictObject({ id: name.optional() })).gives<null>(),
  /** Guests that can be fetched, according to the user's list. */
  guestList: takes(nothing).gives<OfferedGuests>(),
  /** What the servers say of its files now: sizes and checksums. */
  guestLook: takes(z.strictObject({ guest })).gives<GuestLook>(),
  /** Fetches a guest's files and starts a domain of them. It is answered when the domain runs. `name` is the domain's. */
  guestFetch: takes(z.strictObject({ guest, name: name.optional() })).gives<CreateResult>(),
};
