/** Files of the host's user on their way into folders that domains share. */
import type { BackendDevices } from "../dom0/xenbus/devices.ts";
import type { ReceivedFile } from "../dom0/xenbus/kind.ts";
import { Refusal } from "./error.ts";
import type { Lifecycle } from "./lifecycle.ts";
import type { ToolstackRequests } from "./messages.ts";

/** The most at one time, of all clients together. */
const MOST_FILES = 64;
/** Milliseconds that the host's power-off waits for them, as a file system may never answer: less than it has besides its guests' time (./power.ts). */
const CLOSE_MS = 2000;
const KIND = "9pfs";

interface Coming {
  readonly file: ReceivedFile;
  readonly name: string;
  readonly tag: string;
}

export class SharedFiles {
  readonly #lifecycle: Lifecycle;
  readonly #backends: BackendDevices;
  readonly #coming = new Map<number, Coming>();
  /** Files that are about to begin, which count too. */
  readonly #beginning = new Set<Promise<unknown>>();
  readonly #ending = new Set<Promise<unknown>>();
  #next = 1;
  #isClosed = false;

  constructor(lifecycle: Lifecycle, backends: BackendDevices) {
    this.#lifecycle = lifecycle;
    this.#backends = backends;
  }

  /** Throws Refusal ESRCH if the domain shares no such folder. */
  folder({ domid, device }: ToolstackRequests["sharedFolder"]["args"]): ToolstackRequests["sharedFolder"]["result"] {
    const { name, config } = this.#lifecycle.managed(domid);
    const spec = config.devices.find(({ kind, id }) => kind === KIND && id === device);
    if (!spec) throw new Refusal("ESRCH", `${name} shares no folder ${device}.`);
    const { front, back } = spec;
    return { tag: String(front.tag), path: String(back.path), isReadOnly: back.mode === "r", domain: name };
  }

  async begin(args: ToolstackRequests["sharedFileBegin"]["args"]): Promise<{ file: number }> {
    const { domid, device, name, size, replaces } = args;
    const { tag, domain } = this.folder(args);
    const receive = this.#backends.find(KIND, domid, device)?.backend;
    if (!receive?.receive)
      throw new Refusal(
        "EOPNOTSUPP",
        `The backend of ${tag} of ${domain} is not in dom0: copy the file there yourself.`,
      );
    if (this.#isClosed) throw goesOff();
    if (this.#coming.size + this.#beginning.size >= MOST_FILES)
      throw new Refusal("EBUSY", `${MOST_FILES} files are on their way into shared folders; wait for one of them.`);
    return during(this.#beginning, async () => {
      try {
        const file = await receive.receive!(name, size, replaces);
        if (this.#isClosed) {
          await file.drop();
          throw goesOff();
        }
        const number = this.#next++;
        this.#coming.set(number, { file, name, tag });
        return { file: number };
      } catch (error) {
        throw error instanceof Refusal ? error : refusal(error, name, tag);
      }
    });
  }

  /** A file of which something goes wrong is not there any more. */
  async chunk({ file, offset, bytes }: ToolstackRequests["sharedFileChunk"]["args"]): Promise<void> {
    const coming = this.#find(file);
    try {
      await coming.file.take(offset, bytes);
    } catch (error) {
      this.#coming.delete(file);
      await coming.file.drop().catch(() => {});
      throw refusal(error, coming.name, coming.tag);
    }
  }

  async end({ file }: ToolstackRequests["sharedFileEnd"]["args"]): Promise<void> {
    const { file: whole, name, tag } = this.#find(file);
    this.#coming.delete(file);
    await during(this.#ending, async () => {
      try {
        await whole.finish();
      } catch (error) {
        await whole.drop().catch(() => {});
        throw refusal(error, name, tag);
      }
    });
  }

  async drop({ file }: ToolstackRequests["sharedFileDrop"]["args"]): Promise<void> {
    const { file: dropped, name, tag } = this.#find(file);
    this.#coming.delete(file);
    try {
      await dropped.drop();
    } catch (error) {
      const { message } = error as Error;
      throw new Refusal("EIO", `What has come of ${name} in ${tag} can't be removed: ${message}.`);
    }
  }

  /** The host goes off: discards them all, but those that come to their end already. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const left = [...this.#coming.values()];
    this.#coming.clear();
    const gone = left.map(({ file }) => file.drop());
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, CLOSE_MS)));
    await Promise.race([Promise.allSettled([...gone, ...this.#beginning, ...this.#ending]), late]);
    clearTimeout(timer);
  }

  #find(number: number): Coming {
    const coming = this.#coming.get(number);
    if (!coming) throw new Refusal("ENOENT", `There is no file ${number} on its way into a shared folder.`);
    return coming;
  }
}

/** Does it, and names it in the set until it is done. */
async function during<T>(underWay: Set<Promise<unknown>>, action: () => Promise<T>): Promise<T> {
  const done = action();
  underWay.add(done);
  try {
    return await done;
  } finally {
    underWay.delete(done);
  }
}

const goesOff = (): Refusal => new Refusal("ECANCELED", "The host goes off.");

/** Words for what the host's file system and the folder answer. */
function refusal(error: unknown, name: string, tag: string): Refusal {
  const { code = "EIO", message } = error as NodeJS.ErrnoException;
  const sentences: Record<string, string> = {
    EEXIST: `There is a ${name} in ${tag} already.`,
    EISDIR: `${name} in ${tag} is a folder, which no file takes the place of.`,
    ENOSPC: `This computer's disk is full: ${name} could not be put into ${tag}, and nothing of it was kept.`,
    EROFS: `${tag} lies on a file system that can't be written to.`,
    EACCES: `You may not write into the folder that is shared as ${tag}.`,
    ENAMETOOLONG: `The name of ${name} is too long for a file in ${tag}.`,
  };
  return new Refusal(
    code,
    sentences[code === "EDQUOT" ? "ENOSPC" : code] ?? `${name} can't be put into ${tag}: ${message}.`,
  );
}
