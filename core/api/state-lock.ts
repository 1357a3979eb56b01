/** Lets only one host at a time keep its state in a folder: a lock file (`../files/lock.ts`) names the process that does. */
import path from "node:path";
import { takeLock, type Holder, type Lock } from "../files/lock.ts";

const FILE = "host.lock";

/**
 * Throws a sentence that names the process which has the folder, and what to do: `elsewhere` says how the user gives this host another one. A folder
 * that can't be written is not locked: nothing is kept there either, and the history says so. The end of the process releases it too.
 */
export function lockState(folder: string, command: string, elsewhere: string): Lock {
  const file = path.join(folder, FILE);
  const taken = takeLock(file, command);
  if (taken === null) return { release: () => {} };
  if ("holder" in taken) throw new Error(refusal(folder, file, taken.holder, elsewhere));
  const release = (): void => {
    process.off("exit", release);
    taken.lock.release();
  };
  process.on("exit", release);
  return { release };
}

function refusal(folder: string, file: string, { pid, started, command }: Holder, elsewhere: string): string {
  const unsure = started === null ? ` If process ${pid} is another program by now, delete ${file}.` : "";
  return `${folder} is in use by ${command} (process ${pid}), which keeps its history and boot menu there. End it first, or ${elsewhere}.${unsure}`;
}
