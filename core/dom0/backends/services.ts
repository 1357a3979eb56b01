/** What backends use of the domain in which they run, besides hypercalls and the store: things that outlive one device. */
import type { Folders } from "./9p/folders.ts";
import type { DiskSource } from "./blk/disk-source.ts";
import type { DomainHolds } from "./blk/room.ts";
import type { Consoles } from "./console/consoles.ts";
import type { Screens } from "../display/screens.ts";
import type { Networks } from "../network/networks.ts";
import type { RequestRecords } from "../xenbus/request-record.ts";

export interface DeviceServices {
  readonly consoles: Consoles;
  readonly disks: DiskSource;
  readonly folders: Folders;
  readonly holds: DomainHolds;
  readonly networks: Networks;
  readonly records: RequestRecords;
  readonly screens: Screens;
}
