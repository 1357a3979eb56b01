/** Carries out requests about snapshots. */
import { ApiFailure } from "../failure.ts";
import { forkNames } from "../fork-names.ts";
import type { HandlersOf } from "../requests/request.ts";
import type { SNAPSHOT_REQUESTS } from "../requests/snapshots.ts";
import type { SessionContext } from "./context.ts";

export function snapshotHandlers({ host }: SessionContext): HandlersOf<typeof SNAPSHOT_REQUESTS> {
  const { snapshots } = host;
  return {
    snapshots: ({ uuid }) => snapshots.report(uuid),
    snapshotDomains: () => snapshots.domains(),
    snapshotPicture: ({ uuid, snapshot }) => snapshots.picture(uuid, snapshot),
    snapshotTake: async ({ uuid, name, memory }) => {
      const { snapshot, stood } = await snapshots.take(uuid, { name, memory });
      return { snapshot: snapshot.id, stood };
    },
    snapshotRevert: async ({ uuid, snapshot, keepNow }) => {
      const { domid } = await snapshots.revert(uuid, snapshot, keepNow ?? null);
      return { domid };
    },
    snapshotDelete: async ({ uuid, snapshot }) => {
      await snapshots.remove(uuid, snapshot);
      return null;
    },
    snapshotBin: () => snapshots.bin(),
    snapshotRestore: async ({ uuid, snapshot }) => ({ name: await snapshots.restore(uuid, snapshot) }),
    snapshotPurge: async ({ uuid, snapshot }) => {
      await (uuid === undefined ? snapshots.purgeAll() : snapshots.purge(uuid, snapshot ?? null));
      return null;
    },
    snapshotMerge: async ({ uuid }) => {
      await snapshots.merge(uuid);
      return null;
    },
    snapshotCancel: ({ uuid }) => {
      snapshots.cancel(uuid);
      return null;
    },
    snapshotRename: async ({ uuid, snapshot, name }) => {
      await snapshots.rename(uuid, snapshot, name);
      return null;
    },
    domainFork: async ({ uuid, copies: count }) => {
      const running = await host.toolstack.request("list");
      const domain = running.find((each) => each.uuid === uuid);
      if (!domain) throw new ApiFailure("ESRCH", "That domain does not run: one that stands still is cloned.");
      const taken = [...running, ...host.kept.all].map(({ name }) => name);
      const names = forkNames(domain.name, count, [...taken, ...snapshots.namesOnTheWay]);
      const { copies, snapshot, stood } = await snapshots.fork(uuid, names);
      const made = copies.map(({ uuid: other, name, domid }) => ({ uuid: other, name, domid: domid! }));
      return { copies: made, snapshot: snapshot.disks.length > 0 ? snapshot.id : null, stood };
    },
    snapshotClone: ({ uuid, snapshot, name }) => host.cloneSnapshot(uuid, snapshot, name),
  };
}
