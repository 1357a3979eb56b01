/**
 * The life of one backend, from when the toolstack writes its directory until that is removed. It follows the frontend's state, answers with its own,
 * and lets the backend of its kind prepare, connect and disconnect. Events are handled one after the other, however fast states change.
 */
import { backendPath, backendRoot, frontendPath, type DeviceAddress } from "./address.ts";
import { Channel } from "./channel.ts";
import type { Backend, BackendContext, BackendKernel, BackendState, DeviceKind, Nodes } from "./kind.ts";
import { XENBUS, xenbusState, type XenbusState } from "./state.ts";

export class BackendDevice {
  readonly address: DeviceAddress;
  readonly kind: DeviceKind;
  readonly frontendPath: string;
  readonly backendPath: string;
  readonly backend: Backend;
  /** Why the device does not work; null while it does. */
  problem: string | null = null;
  readonly #kernel: BackendKernel;
  readonly #channels = new Set<Channel>();
  readonly #watches: (() => void)[] = [];
  #state: XenbusState = XENBUS.Initialising;
  /** The state that it wrote last; at first the Initialising that the toolstack wrote. */
  #writtenState: XenbusState = XENBUS.Initialising;
  /** Whether the frontend was offered anything since the device was last prepared. Where that failed, its state has been Initialising all the time. */
  #wasOffered = false;
  #work: Promise<void> = Promise.resolve();
  #isWaiting = false;
  #isGone = false;
  /**
   * The frontend is about to be disconnected because something has gone wrong. Until that is done, nothing more of it is heard: a frontend may send
   * events much faster than its failure can be written into the store.
   */
  #isFailing = false;

  constructor(kernel: BackendKernel, kind: DeviceKind, address: DeviceAddress) {
    this.#kernel = kernel;
    this.kind = kind;
    this.address = address;
    this.frontendPath = kind.frontendPath?.(address) ?? frontendPath(address);
    this.backendPath = backendPath(address);
    this.backend = kind.create(this.#context());
    // The first event comes when the store has taken the watch. Without it nothing begins: nobody would see what the frontend does.
    const fail = (error: Error): void => this.#failLater(error);
    this.#watches.push(kernel.store.watch(`${this.frontendPath}/state`, () => this.look(), fail));
  }

  get #isWired(): boolean {
    return this.kind.isWired?.(this.address.id) ?? false;
  }

  get state(): XenbusState {
    return this.#state;
  }

  /** Returns whether the toolstack's directory says Initialising again, so that it belongs to another device of the same name. */
  isReplaced(state: XenbusState): boolean {
    return state === XENBUS.Initialising && this.#writtenState !== XENBUS.Initialising;
  }

  get isConnected(): boolean {
    return this.#state === XENBUS.Connected;
  }

  report(): BackendState {
    return this.backend.state();
  }

  /** Called when something in xenstore may have changed: follows the frontend's state soon. */
  look(): void {
    if (this.#isWaiting || this.#isGone) return;
    this.#isWaiting = true;
    void this.#then(async () => {
      this.#isWaiting = false;
      await this.#follow();
    });
  }

  /** Called when a node of its own directory was written. */
  changed(name: string): void {
    if (!this.backend.changed || this.#isGone) return;
    void this.#then(() => this.backend.changed!(name));
  }

  drain(): void {
    if (this.isConnected) this.backend.drain?.();
  }

  /** Called when the device is gone: lets go of everything of the frontend's at once, and of what lies behind the device as soon as possible. */
  remove(): Promise<void> {
    if (!this.#isGone) {
      this.#isGone = true;
      for (const unwatch of this.#watches) unwatch();
      this.#state = XENBUS.Closed;
      const ended = this.backend.disconnect();
      this.#closeChannels();
      void this.#then(async () => {
        await ended;
        // This also ends what a connect() under way has begun meanwhile.
        await this.backend.disconnect();
        await this.backend.close();
      });
    }
    return this.#work;
  }

  #then(step: () => void | Promise<void>): Promise<void> {
    this.#work = this.#work.then(step).catch((error: unknown) => this.#fail(error));
    return this.#work;
  }

  async #follow(): Promise<void> {
    if (this.#isGone) return;
    if (this.#state === XENBUS.Initialising) return this.#prepare();
    if (this.#isWired) return;
    const frontend = xenbusState(await this.#kernel.store.read(`${this.frontendPath}/state`));
    if (this.#isGone) return;
    switch (frontend) {
      case XENBUS.Initialising:
        // A frontend begins again after its driver was loaded again, or after a kexec. It may have been Closed for so short a time that nobody saw it.
        if (this.#state === XENBUS.Closing && this.#wasOffered) await this.#disconnect(XENBUS.Closed);
        if (this.#state === XENBUS.Closed) await this.#prepare();
        return;
      case XENBUS.Initialised:
      case XENBUS.Connected:
        if (this.#state === XENBUS.InitWait) await this.#connect();
        return;
      case XENBUS.Closing:
        await this.#disconnect(XENBUS.Closing);
        return;
      case XENBUS.Closed:
      case XENBUS.Unknown:
        if (frontend === XENBUS.Closed || this.#state !== XENBUS.InitWait) await this.#disconnect(XENBUS.Closed);
    }
  }

  async #prepare(): Promise<void> {
    this.problem = null;
    this.#wasOffered = false;
    const nodes = await this.backend.prepare();
    if (this.#isGone) return;
    if (this.#isWired) {
      await this.#publish(nodes);
      await this.#connect();
      return;
    }
    this.#wasOffered = true;
    await this.#switch(XENBUS.InitWait, nodes);
    this.look();
  }

  async #connect(): Promise<void> {
    const nodes = await this.backend.connect();
    if (this.#isGone) return;
    await this.#switch(XENBUS.Connected, nodes);
  }

  async #disconnect(to: XenbusState): Promise<void> {
    if (this.#state === to) return;
    await this.backend.disconnect();
    this.#closeChannels();
    await this.#switch(to, {});
  }

  #closeChannels(): void {
    for (const channel of this.#channels) channel.close();
    this.#channels.clear();
  }

  async #switch(state: XenbusState, nodes: Nodes): Promise<void> {
    this.#state = state;
    await this.#publish({ ...nodes, state });
    this.#writtenState = state;
  }

  /** Writes only into its own directory. */
  async #publish(nodes: Nodes): Promise<void> {
    for (const [name, value] of Object.entries(nodes))
      if (value !== undefined && (await this.#hasDirectory()))
        await this.#kernel.store.write(`${this.backendPath}/${name}`, value);
  }

  /**
   * Whether the toolstack's directory still exists, as one that was removed must not come back, and is this device's. The next device may have its own
   * there before this one hears that it is gone.
   */
  async #hasDirectory(): Promise<boolean> {
    const state = await this.#kernel.store.read(`${this.backendPath}/state`);
    return state !== null && !this.#isGone && !this.isReplaced(xenbusState(state));
  }

  #failLater(reason: unknown): void {
    if (this.#isFailing) return;
    this.#isFailing = true;
    void this.#then(() => Promise.reject(reason as Error));
  }

  /** What goes wrong with one device must not reach the domain that has the backends of others too. */
  #guarded(action: () => void): void {
    if (this.#isFailing || this.#isGone) return;
    try {
      action();
    } catch (error) {
      this.#failLater(error);
    }
  }

  /** As xenbus_dev_fatal in Linux: writes the reason into the error directory of the backend's domain, and the state Closing. */
  async #fail(error: unknown): Promise<void> {
    if (this.#isGone) return;
    this.#isFailing = true;
    this.problem = error instanceof Error ? error.message : String(error);
    const { domid, kind, id } = this.address;
    const root = backendRoot(this.address.backendDomid).replace(/backend$/, "error/backend");
    const report = async (): Promise<void> => {
      if (await this.#hasDirectory())
        await this.#kernel.store.write(`${root}/${kind}/${domid}/${id}/error`, this.problem!);
    };
    // The store may refuse the report, as when the domain owns as many nodes as it may. Then the state still tells the frontend. If even that can't
    // be written, the device stays closed, and the others go on.
    for (const step of [report, () => this.#disconnect(XENBUS.Closing)])
      try {
        await step();
      } catch (later) {
        this.problem += `; ${String(later)}`;
      }
    this.#closeChannels();
    this.#isFailing = false;
  }

  async #frontNumber(name: string, most = 0xffffffff, absent?: number): Promise<number> {
    const value = await this.#kernel.store.read(`${this.frontendPath}/${name}`);
    if (value === null && absent !== undefined) return absent;
    const number = value !== null && /^\d{1,10}$/.test(value) ? Number(value) : NaN;
    if (number <= most) return number;
    const is = value === null ? "missing" : JSON.stringify(value.slice(0, 40));
    throw new Error(`the frontend's ${name} is ${is}; allowed: a number from 0 to ${most}`);
  }

  #ringRefs(directory: string, order: number): Promise<number[]> {
    if (order === 0) return this.#frontNumber(`${directory}ring-ref`).then((ref) => [ref]);
    const names = Array.from({ length: 1 << order }, (_, i) => `${directory}ring-ref${i}`);
    return Promise.all(names.map((name) => this.#frontNumber(name)));
  }

  #context(): BackendContext {
    const { store } = this.#kernel;
    return {
      ...this.#kernel,
      address: this.address,
      front: async (name) => store.read(`${this.frontendPath}/${name}`),
      frontNumber: (name, most, absent) => this.#frontNumber(name, most, absent),
      ringRefs: (directory, order) => this.#ringRefs(directory, order),
      back: async (name) => store.read(`${this.backendPath}/${name}`),
      publish: (nodes) => this.#publish(nodes),
      open: (refs, remotePort, onEvent) => {
        if (this.#isGone) throw new Error("the device is gone");
        const heard = (): void => this.#guarded(onEvent);
        const channel = new Channel(this.#kernel, this.address.domid, refs, remotePort, heard);
        this.#channels.add(channel);
        return channel;
      },
      fail: (reason) => this.#failLater(reason),
      later: (action) => void setImmediate(() => this.#guarded(action)),
    };
  }
}
