/**
 * Forks a running domain into several copies. Its disks are replaced as for a snapshot, and the copies' disks are based on that snapshot. dom0 holds
 * its memory, in no file, until the copies have been made of it. All copies exist before the first one runs; if one fails, there is none.
 */
import { randomUUID } from "node:crypto";
import { Refusal } from "../../toolstack/error.ts";
import { hostOf, running, type Parts, type Watch } from "./parts.ts";
import { clone, type Continue, type Continued, type Identity } from "./reverting.ts";
import { take, type Taken } from "./taking.ts";
import { dropped, finished, removed } from "./unfinished.ts";

export interface Forked extends Taken {
  copies: Continued[];
}

/** A fork that failed although its snapshot was taken; nothing is based on that snapshot. */
export class ForkFailure extends Error {
  readonly refusal: unknown;
  readonly snapshot: string;
  constructor(refusal: unknown, snapshot: string) {
    super("the copies were not made");
    this.refusal = refusal;
    this.snapshot = snapshot;
  }
}

/**
 * `name` is that of the snapshot, `names` are those of the domains. Nobody may start or delete these until the fork has ended. Throws Refusal,
 * TakeFailure, ForkFailure.
 */
export async function fork(
  parts: Parts,
  uuid: string,
  name: string,
  names: readonly string[],
  watch: Watch,
): Promise<Forked> {
  const copies = names.map((called) => ({ uuid: randomUUID(), name: called }));
  return copies.reduce(
    (deed, { uuid: other }) =>
      () =>
        parts.alone(other, deed),
    () => forked(parts, uuid, name, copies, watch),
  )();
}

async function forked(
  parts: Parts,
  uuid: string,
  name: string,
  copies: readonly Identity[],
  { progress, signal }: Watch,
): Promise<Forked> {
  const domain = await running(parts, uuid);
  if (!domain) throw new Refusal("ESRCH", "That domain does not run: one that stands still is cloned.");
  const toolstack = hostOf(parts);
  const held = randomUUID();
  let forgotten: Promise<unknown> | null = null;
  const forget = (): Promise<unknown> => (forgotten ??= toolstack.request("heldForget", { held }).catch(() => {}));
  const made: Continued[] = [];
  try {
    const options = { name, memory: false, held: { name: held, domains: copies.map((copy) => copy.uuid) } };
    const taken = await take(parts, uuid, options, { progress: () => {}, signal });
    try {
      const failed = new AbortController();
      const wanted = AbortSignal.any([signal, failed.signal]);
      // Who waits until all copies have their memory waits no longer.
      wanted.addEventListener("abort", () => void forget());
      wanted.throwIfAborted();
      const orNone = async <T>(act: () => Promise<T>): Promise<T> => {
        try {
          return await act();
        } catch (error) {
          failed.abort(error);
          throw error;
        }
      };
      // All at once: most of the time goes by while the disk writes what each is.
      const settled = await Promise.allSettled(
        copies.map(async (copy) => {
          // clone() takes away what it has made before it fails: the others are told at once.
          const goOn: Continue = (as) =>
            orNone(async () => {
              wanted.throwIfAborted();
              return toolstack.request("heldContinue", { held, as });
            });
          const one = await orNone(() => clone(parts, uuid, taken.snapshot.id, copy, goOn));
          made.push(one);
          progress(made.length / copies.length);
          return one;
        }),
      );
      // The others failed because of the first that did.
      wanted.throwIfAborted();
      const all = settled.flatMap((each) => (each.status === "fulfilled" ? [each.value] : []));
      // Without disks nothing is based on it. Copies that run are not to go because this fails.
      if (taken.snapshot.disks.length === 0) await dropped(parts, uuid, taken.snapshot.id);
      for (const { domid } of all) await toolstack.request("unpause", { domid: domid! });
      await finished(parts, uuid);
      return { ...taken, copies: all };
    } catch (error) {
      // One that can't be ended stays, noted, with its disks.
      for (const each of made) await removed(parts, each.uuid).catch(() => {});
      throw new ForkFailure(error, taken.snapshot.id);
    }
  } finally {
    await forget();
  }
}
