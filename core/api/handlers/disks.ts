/** Carries out requests about disk images. */
import { FileIntake } from "../file-intake.ts";
import type { DISK_REQUESTS } from "../requests/disks.ts";
import type { HandlersOf } from "../requests/request.ts";
import { passTo, type SessionContext } from "./context.ts";

export function diskHandlers(session: SessionContext): HandlersOf<typeof DISK_REQUESTS> {
  const { host, hostFiles } = session;
  const inspect = passTo(host)("inspectDisk");
  const intake = new FileIntake(host.journal, () => session.who);
  session.onEnd(() => intake.end());
  return {
    inspectDisk: (args) => {
      hostFiles.check(args.path);
      return inspect(args);
    },
    diskImages: () => host.images.all(),
    diskBegin: ({ name, size }) => intake.begin(`Take the disk image ${name}`, () => host.images.begin(name, size)),
    diskChunk: async ({ intake: id, offset, bytes }) => {
      await intake.chunk(id, offset, bytes);
      return null;
    },
    diskEnd: ({ intake: id }) => intake.finish(id),
    diskDrop: async ({ intake: id }) => {
      await intake.drop(id);
      return null;
    },
    diskRemove: async ({ name }) => {
      await host.imageLibrary.remove(name);
      return null;
    },
  };
}
