/** Carries out requests about disk images as users see them. */
import type { IMAGE_REQUESTS } from "../requests/images.ts";
import type { HandlersOf } from "../requests/request.ts";
import { told } from "./binned-files.ts";
import type { SessionContext } from "./context.ts";

export function imageHandlers(session: SessionContext): HandlersOf<typeof IMAGE_REQUESTS> {
  const { hostFiles } = session;
  const { imageLibrary } = session.host;
  return {
    imageList: () => imageLibrary.list(),
    imageCreate: ({ name, format, bytes }) => imageLibrary.create(name, format, bytes),
    imageCopy: ({ path, name, format }) =>
      imageLibrary.copy(path, name, format, session.who, (file) => hostFiles.allows(file)),
    imageGrow: async ({ path, bytes }) => {
      await imageLibrary.grow(path, bytes);
      return null;
    },
    imageCheck: ({ path }) => imageLibrary.check(path, session.who),
    imageBin: async () => told(await imageLibrary.binned()),
    imageRestore: ({ id }) => imageLibrary.restore(id),
    imagePurge: async ({ id }) => {
      await imageLibrary.purge(id ?? null);
      return null;
    },
  };
}
