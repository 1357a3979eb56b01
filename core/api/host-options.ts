/** What a server is started with: folders and files of this computer, and what the host is to be. */
import type { BootConfig } from "../toolstack/boot-config.ts";
import type { DownloadPlaces } from "./fetching.ts";
import type { HistoryOptions } from "./history/recorder.ts";

export interface HostServiceOptions {
  /** Where core.wasm and the workers' scripts are. */
  imageFolder: URL;
  /** The bundled guest's image. */
  bundledGuest: URL;
  /** By who starts the server, for this time; else what is kept, or fits the computer. */
  memoryMiB?: number;
  pcpus?: number;
  /** The boot menu, and the number of its entry to boot unless another is asked for. */
  boot?: BootConfig;
  bootEntry?: number;
  /** Where the boot menu is kept when it is changed, unless `boot` is given. */
  bootFile?: string;
  /** Where memory and pCPUs are kept when they are changed. */
  sizeFile?: string;
  /** The application's first power-on starts the bundled guest: something to look at, with nothing downloaded. */
  firstGuest?: boolean;
  /**
   * A folder, as /boot, whose kernels every client may start: said by the user who starts the server. Without it only a client
   * whose user may name files has those of /boot.
   */
  kernelFolder?: string;
  /** Where domains are kept, with what is saved of them; without it none is, and they are saved to files that are named only. */
  libraryFolder?: string;
  /** Where saved domains lay before there was a library. */
  savedFolder?: string;
  /** Where disk images and captures lie that the host keeps for its clients, and what is thrown away in the end. */
  imagesFolder?: string;
  capturesFolder?: string;
  scratchFolder?: string;
  /** For domains that are imported, while they are; on the images' file system. Without it none is. */
  transferFolder?: string;
  /** Where what domains write on their consoles is kept in files. */
  consoleFolder?: string;
  /** Where what is fetched from the web lies, and the list of guests. Without it nothing is fetched. */
  downloads?: DownloadPlaces;
  /** Where networks are kept as somebody has set them up. */
  networksFile?: string;
  /** Where a day of figures is kept. */
  history?: HistoryOptions;
  /** How long a guest may take to do what it was asked for before the task says that it has not. */
  guestPatienceMilliseconds?: number;
}

export interface PowerOnOptions {
  memoryMiB?: number;
  pcpus?: number;
  bootEntry?: number;
}
