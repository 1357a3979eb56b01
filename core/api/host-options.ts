/** What a server is started with: folders and files of this computer, and properties of the host. */
import type { BootConfig } from "../toolstack/boot-config.ts";
import type { DownloadPlaces } from "./fetching.ts";
import type { HistoryOptions } from "./history/recorder.ts";

export interface HostServiceOptions {
  /** Folder of core.wasm and the workers' scripts. */
  imageFolder: URL;
  /** Folder in which translated code is kept for the next time. Without it none is kept. */
  codeCacheFolder?: string;
  /** Image of the bundled guest. */
  bundledGuest: URL;
  /** Given by whoever starts the server, for this time. Otherwise the size is the kept one, or one that fits the computer. */
  memoryMiB?: number;
  pcpus?: number;
  /** The boot menu, and the number of the entry that is booted unless another is asked for. */
  boot?: BootConfig;
  bootEntry?: number;
  /** File in which the boot menu is kept when it is changed, unless `boot` is given. */
  bootFile?: string;
  /** File in which memory and number of pCPUs are kept when they are changed. */
  sizeFile?: string;
  /** Whether the application's first power-on starts the bundled guest, so that there is something to look at with nothing downloaded. */
  firstGuest?: boolean;
  /**
   * A folder, such as /boot, whose kernels every client may start, given by the user who starts the server. Without it, only a client whose user may
   * name files can start those of /boot.
   */
  kernelFolder?: string;
  /** Folder in which domains are kept, with their saved memory. Without it none is kept, and domains are saved only to files that are named. */
  libraryFolder?: string;
  /** Folder of saved domains before there was a library. */
  savedFolder?: string;
  /** Folder of the disk images and captures that the host keeps for its clients, and of what is thrown away in the end. */
  imagesFolder?: string;
  capturesFolder?: string;
  scratchFolder?: string;
  /** Folder for domains that are being imported, on the images' file system. Without it nothing can be imported. */
  transferFolder?: string;
  /** Folder of the files with what domains write on their consoles. */
  consoleFolder?: string;
  /** Folders of what is fetched from the web, and the list of guests. Without it nothing is fetched. */
  downloads?: DownloadPlaces;
  /** File in which the networks are kept that somebody has set up. */
  networksFile?: string;
  /** Where a day of figures is kept. */
  history?: HistoryOptions;
  /** How long a guest may take to do what it was asked for before the task says that it has not done it. */
  guestPatienceMilliseconds?: number;
}

export interface PowerOnOptions {
  memoryMiB?: number;
  pcpus?: number;
  bootEntry?: number;
}
