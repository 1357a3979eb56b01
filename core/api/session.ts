/** One client's session: checks and carries out its requests. Its subscriptions belong to it and end with it. */
import { z } from "zod";
import { ToolstackError } from "../toolstack/client.ts";
import { Refusal } from "../toolstack/error.ts";
import { ApiFailure } from "./failure.ts";
import { SessionFiles } from "./files.ts";
import type { SessionContext } from "./handlers/context.ts";
import { handlersFor } from "./handlers/handlers.ts";
import { HostFiles } from "./host-files.ts";
import type { HostService } from "./host-service.ts";
import type { Client } from "./journal/entry.ts";
import { configuredName } from "./journal/tasks.ts";
import {
  REQUESTS,
  type ApiErrorData,
  type EventName,
  type Events,
  type RequestName,
  type ServerMessage,
} from "./schema.ts";

/** The server's end of one connection. */
export interface Connection {
  send(message: ServerMessage): void;
  /** Number of bytes that wait to be sent. If a reader is slow, its events are left out, or its connection is ended. */
  readonly backlog: number;
  /** Ends the connection; the client sees the reason if the transport can pass it on. */
  end(reason: string): void;
  /**
   * Whether its user may name files of this machine, as the command line's own user may. Other clients start only what they gave themselves or what
   * is bundled, and reach no file of the user's.
   */
  readonly mayNameFiles: boolean;
}

/** Figures are left out beyond the first bound; a client that lets more than the second wait is disconnected. */
const BACKLOG_DROPS: number = 1024 * 1024;
const BACKLOG_ENDS: number = 32 * 1024 * 1024;
/** The most requests of one client that may be under way; more are refused. */
const MOST_REQUESTS = 256;
const EVERYONES = [
  "host",
  "domains",
  "created",
  "stopped",
  "destroyed",
  "saving",
  "kept",
  "snapshots",
  "notice",
  "mark",
] as const;

/** Numbers the sessions that have not named themselves. */
let nextSession = 1;

export class Session implements SessionContext {
  readonly host: HostService;
  readonly id = crypto.randomUUID();
  readonly files = new SessionFiles();
  readonly hostFiles: HostFiles;
  who: Client;
  readonly #connection: Connection;
  readonly #handlers: ReturnType<typeof handlersFor>;
  readonly #disposals: (() => void)[] = [];
  #ended = false;
  #underWay = 0;

  constructor(host: HostService, connection: Connection) {
    this.host = host;
    this.#connection = connection;
    // A client that names files is the user's command line.
    const words = connection.mayNameFiles ? "The command line" : "Another window";
    this.who = { id: `session-${nextSession++}`, words };
    this.hostFiles = new HostFiles(connection.mayNameFiles, [host.images.folder, host.fetching.kernels.folder]);
    for (const event of EVERYONES) this.listen(event, (data) => this.send(event, data));
    this.#handlers = handlersFor(this);
    this.send("host", host.state);
    for (const notice of host.notices) this.send("notice", notice);
  }

  get ended(): boolean {
    return this.#ended;
  }
  get isBehind(): boolean {
    return this.#connection.backlog > BACKLOG_DROPS;
  }

  /** Called when its user has chosen a file of this computer, as the shell around it knows: the client may name that file from now on. */
  grant(file: string): void {
    this.hostFiles.grant(file);
  }

  /** Takes one message as the transport decoded it; it may contain anything. */
  async receive(message: unknown): Promise<void> {
    if (this.#ended) return;
    const frame = MESSAGE.safeParse(message);
    if (!frame.success) {
      this.#endBecause("That was no request: a request has a numeric id, a name and arguments.");
      return;
    }
    const { id, request, args } = frame.data;
    this.#underWay++;
    try {
      if (this.#underWay > MOST_REQUESTS)
        throw new ApiFailure("EBUSY", `${MOST_REQUESTS} requests are under way; wait for some of them.`);
      const result = await this.#carryOut(request, args);
      this.#post({ id, result: result ?? null });
    } catch (error) {
      this.#post({ id, error: errorData(error) });
    } finally {
      this.#underWay--;
    }
  }

  /** Called when the connection is gone. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    for (const dispose of this.#disposals) dispose();
  }

  onEnd(dispose: () => void): void {
    this.#disposals.push(dispose);
  }
  onPowerOn(forget: () => void): void {
    this.listen("host", ({ power }) => {
      if (power === "starting") forget();
    });
  }
  listen<E extends EventName>(event: E, listener: (data: Events[E]) => void): void {
    const untyped = listener as (data: unknown) => void;
    this.host.on(event, untyped as never);
    this.#disposals.push(() => this.host.off(event, untyped as never));
  }

  #post(message: ServerMessage): void {
    if (this.#ended) return;
    this.#connection.send(message);
    if (this.#connection.backlog > BACKLOG_ENDS)
      this.#endBecause("This client does not read what it asked for: 32 MiB wait for it.");
  }
  /** Nothing is kept for a client that is being told to go, because its connection may take long to close. */
  #endBecause(reason: string): void {
    this.end();
    this.#connection.end(reason);
  }
  send<E extends EventName>(event: E, data: Events[E]): void {
    this.#post({ event, data });
  }

  #carryOut(request: string, args: unknown): unknown {
    if (!Object.hasOwn(REQUESTS, request))
      throw new ApiFailure("EBADREQUEST", `There is no request "${request.slice(0, 60)}".`);
    const name = request as RequestName;
    const checked = REQUESTS[name].args.safeParse(args ?? {});
    if (!checked.success) throw new ApiFailure("EBADREQUEST", `${name}: ${describe(checked.error)}`);
    return this.#asTask(name, checked.data, () => (this.#handlers[name] as (args: unknown) => unknown)(checked.data));
  }

  /** A request that is worth reporting is a task of the host's journal until it is answered or refused. */
  async #asTask(name: RequestName, args: object, carryOut: () => unknown): Promise<unknown> {
    const given = args as Record<string, unknown>;
    const end = this.host.journal.asks(name, given, this.who, this.#cancelOf(name, given));
    try {
      const result = await carryOut();
      end?.();
      return result;
    } catch (error) {
      const { code, message } = errorData(error);
      end?.({ message, cancelled: code === "ECANCELED" });
      throw error;
    }
  }

  /** Returns what cancels a request under way; null where nothing does. */
  #cancelOf(name: RequestName, { domid, uuid, config }: Record<string, unknown>): (() => void) | null {
    const { host } = this;
    const ask = (deed: () => Promise<unknown>) => () =>
      void Promise.resolve()
        .then(deed)
        .catch(() => {});
    // A host that is not up yet goes off at once.
    if (name === "hostPowerOn") return ask(() => host.powerOff(0));
    if (name === "save") return ask(() => host.toolstack.request("saveCancel", { domid: domid as number }));
    if (SNAPSHOT_WORK.has(name) && uuid !== undefined) return ask(async () => host.snapshots.cancel(uuid as string));
    const made = name === "create" ? configuredName(config) : null;
    return made === null ? null : ask(() => host.toolstack.request("createCancel", { name: made }));
  }
}

/** The requests about a domain that snapshotCancel cancels. */
const SNAPSHOT_WORK = new Set<RequestName>([
  "snapshotTake",
  "snapshotDelete",
  "snapshotPurge",
  "snapshotMerge",
  "domainFork",
]);

const MESSAGE = z.object({
  id: z.int().min(0),
  request: z.string().max(100),
  args: z.unknown(),
});

/** Says which argument is wrong, and what is allowed. */
function describe(error: z.ZodError): string {
  return error.issues
    .slice(0, 5)
    .map(({ path, message }) => (path.length ? `${path.join(".")}: ${message}` : message))
    .join("; ");
}

function errorData(error: unknown): ApiErrorData {
  if (error instanceof ApiFailure) return error.data;
  if (error instanceof ToolstackError || error instanceof Refusal)
    return {
      code: error.code,
      message: error.message,
      ...(error.diagnostics.length && { diagnostics: error.diagnostics }),
    };
  return { code: "EIO", message: error instanceof Error ? error.message : String(error) };
}
