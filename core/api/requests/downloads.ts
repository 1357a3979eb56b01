/** Files from the web, and guests that are fetched. */
import { z } from "zod";
import type { CreateResult, ImageDescription } from "../../toolstack/messages.ts";
import type { DownloadReport, Fetched, GuestLook, KeptFile, OfferedGuests } from "../host-state.ts";
import { takes } from "./request.ts";
import { nothing } from "./values.ts";

const address = z.string().min(1).max(2048);
const download = z.string().regex(/^[0-9a-f]{16}$/, "must be a download's id");
const guest = z.string().min(1).max(64);
const name = z.string().min(1).max(1024);

export const DOWNLOAD_REQUESTS = {
  /** What is being fetched, and what has stopped and can go on; from then on `downloads` events say the same. */
  downloadsAttach: takes(nothing).gives<{ downloads: DownloadReport[] }>(),
  /**
   * Fetches a file by http or https; answered when it is whole, checked and in the library. The same again goes on where it was. It goes on
   * when its client goes.
   */
  downloadFetch: takes(
    z.strictObject({
      url: address,
      kind: z.enum(["kernel", "ramdisk", "disk"]),
      name: name.optional(),
      /** SHA-256 or SHA-512, hexadecimal. */
      checksum: z.string().min(1).max(200).optional(),
      /** Address of a list that has it, as SHA256SUMS. */
      checksums: address.optional(),
    }),
  ).gives<Fetched>(),
  /** It stops; what has come is kept. */
  downloadStop: takes(z.strictObject({ download })).gives<null>(),
  /** What has come of one that has stopped is thrown away. */
  downloadDiscard: takes(z.strictObject({ download })).gives<null>(),
  /** Kernels and RAM disks that the host keeps. */
  keptKernels: takes(nothing).gives<KeptFile[]>(),
  keptKernelInspect: takes(z.strictObject({ name })).gives<ImageDescription>(),
  /** EBUSY while there is a domain that is made of it. */
  keptKernelRemove: takes(z.strictObject({ name })).gives<null>(),
  /** Guests that can be fetched, as the user's list has them. */
  guestList: takes(nothing).gives<OfferedGuests>(),
  /** What its servers say of its files now: sizes and checksums. */
  guestLook: takes(z.strictObject({ guest })).gives<GuestLook>(),
  /** Fetches a guest's files and starts a domain of them; answered when it runs. `name`: the domain's. */
  guestFetch: takes(z.strictObject({ guest, name: name.optional() })).gives<CreateResult>(),
};
