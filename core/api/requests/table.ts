/** Every request of the management API, by name. */
import { HOST_REQUESTS } from "./host.ts";
import { DOMAIN_REQUESTS } from "./domains.ts";
import { KEPT_REQUESTS } from "./kept.ts";
import { SAVING_REQUESTS } from "./saving.ts";
import { SNAPSHOT_REQUESTS } from "./snapshots.ts";
import { CONSOLE_REQUESTS } from "./consoles.ts";
import { DISPLAY_REQUESTS } from "./displays.ts";
import { DEVICE_REQUESTS } from "./devices.ts";
import { DISK_REQUESTS } from "./disks.ts";
import { IMAGE_REQUESTS } from "./images.ts";
import { DOWNLOAD_REQUESTS } from "./downloads.ts";
import { NETWORK_REQUESTS } from "./networks.ts";
import { INSPECT_REQUESTS } from "./inspect.ts";
import { XENSTORE_REQUESTS } from "./xenstore.ts";
import { FILE_REQUESTS } from "./files.ts";
import { FIGURE_REQUESTS } from "./figures.ts";
import { TRANSFER_REQUESTS } from "./transfer.ts";
import { TRACING_REQUESTS } from "./tracing.ts";
import { JOURNAL_REQUESTS } from "./journal.ts";
import type { ArgumentsOf, CheckedOf, ResultOf } from "./request.ts";

export const REQUESTS = {
  ...HOST_REQUESTS,
  ...DOMAIN_REQUESTS,
  ...KEPT_REQUESTS,
  ...SAVING_REQUESTS,
  ...SNAPSHOT_REQUESTS,
  ...CONSOLE_REQUESTS,
  ...DISPLAY_REQUESTS,
  ...DEVICE_REQUESTS,
  ...DISK_REQUESTS,
  ...IMAGE_REQUESTS,
  ...DOWNLOAD_REQUESTS,
  ...NETWORK_REQUESTS,
  ...INSPECT_REQUESTS,
  ...XENSTORE_REQUESTS,
  ...FILE_REQUESTS,
  ...FIGURE_REQUESTS,
  ...TRANSFER_REQUESTS,
  ...TRACING_REQUESTS,
  ...JOURNAL_REQUESTS,
};

type Table = typeof REQUESTS;
export type RequestName = keyof Table;
export type Arguments<N extends RequestName> = ArgumentsOf<Table[N]>;
/** Types of the arguments after the server's check. */
export type Checked<N extends RequestName> = CheckedOf<Table[N]>;
export type Results = { [N in RequestName]: ResultOf<Table[N]> };
