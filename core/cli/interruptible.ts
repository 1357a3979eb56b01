/** Ctrl+C while a host carries out what the command line has asked it for. */
import { SIGNAL_STATUS } from "./exit-status.ts";

export interface Interruptible {
  /** Called whenever there may be something to cancel that was not known before. */
  heard: () => void;
  /** Exits with the status of SIGINT if the deed fails after Ctrl+C. Another Ctrl+C ends the process at once. */
  during<T>(deed: () => Promise<T>): Promise<T>;
}

/** `cancel` cancels what is known to be under way. It is called once Ctrl+C was pressed, however late the host says what it does. */
export function interruptible(cancel: () => void): Interruptible {
  let isWanted = false;
  const stop = (): void => {
    isWanted = true;
    cancel();
  };
  return {
    heard: () => {
      if (isWanted) cancel();
    },
    during: async (deed) => {
      process.once("SIGINT", stop);
      try {
        return await deed();
      } catch (error) {
        if (isWanted) process.exit(SIGNAL_STATUS.SIGINT);
        throw error;
      } finally {
        process.removeListener("SIGINT", stop);
      }
    },
  };
}
