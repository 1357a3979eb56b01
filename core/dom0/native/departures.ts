/**
 * Takes the directories of devices that the toolstack has given up (online is 0) out of xenstore when their frontends are closed or gone, as `xl devd`
 * does in a driver domain that is a guest. The backend lets go of its device when its directory has gone.
 */
import { backendRoot } from "../xenbus/address.ts";
import { XENBUS, xenbusState } from "../xenbus/state.ts";
import type { BackendStore } from "../xenbus/kind.ts";

export class Departures {
  readonly #store: BackendStore;
  readonly #root: string;
  readonly #onError: (error: Error) => void;
  /** Ends of the watches on frontends that are waited for, by the backend's directory. */
  readonly #waited = new Map<string, () => void>();

  /** `onError` is told when something could not be done for a directory, `refused` when none will be looked at because the store refuses the watch. */
  constructor(store: BackendStore, domid: number, onError: (error: Error) => void, refused: (error: Error) => void) {
    this.#store = store;
    this.#root = backendRoot(domid);
    this.#onError = onError;
    const changed = (path: string): void => {
      const [kind, front, id] = path.slice(this.#root.length + 1).split("/");
      if (kind && front && id) this.#lookAgain(`${this.#root}/${kind}/${front}/${id}`);
      // The first event of the watch: what stands there may have been written before.
      else if (path === this.#root) void this.#lookAtAll().catch(onError);
    };
    store.watch(this.#root, changed, refused);
  }

  async #lookAtAll(): Promise<void> {
    for (const kind of await this.#store.list(this.#root))
      for (const front of await this.#store.list(`${this.#root}/${kind}`))
        for (const id of await this.#store.list(`${this.#root}/${kind}/${front}`))
          this.#lookAgain(`${this.#root}/${kind}/${front}/${id}`);
  }

  #lookAgain(directory: string): void {
    this.#look(directory).catch((error: unknown) =>
      this.#onError(new Error(`${directory} can't be looked after: ${String(error)}`)),
    );
  }

  async #look(directory: string): Promise<void> {
    const online = await this.#store.read(`${directory}/online`);
    if (online !== "0") {
      this.#waited.get(directory)?.();
      return;
    }
    const frontend = await this.#store.read(`${directory}/frontend`);
    const state = xenbusState(frontend === null ? null : await this.#store.read(`${frontend}/state`));
    if (state === XENBUS.Closed || state === XENBUS.Unknown) {
      this.#waited.get(directory)?.();
      await this.#store.remove(directory);
    } else if (!this.#waited.has(directory)) {
      const refused = (error: Error): void => {
        // The backend writes its own state when the frontend has closed, and then the directory is looked at again.
        this.#waited.delete(directory);
        this.#onError(error);
      };
      const unwatch = this.#store.watch(`${frontend}/state`, () => this.#lookAgain(directory), refused);
      this.#waited.set(directory, () => {
        this.#waited.delete(directory);
        unwatch();
      });
    }
  }
}
