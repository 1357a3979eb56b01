/** The texts of definitions that are not in the library now, as they lie on the disk: their domains may come back, with the disks that these name. */
import { identityOf, type AwayText } from "./definition.ts";
import type { Binned, Folders } from "./folders.ts";

/** Of those in the bin. `folders`: null where nothing is kept. */
export async function binnedTexts(folders: Folders | null): Promise<(AwayText & { id: string })[]> {
  return folders ? textsOf((await folders.binned()).entries) : [];
}

/** Of those in the bin, and of damaged ones there and put aside, which may be repaired. The `name` of these is the one in the text, or the UUID. */
export async function awayTexts(folders: Folders | null): Promise<AwayText[]> {
  if (!folders) return [];
  const { entries, spoiled } = await folders.binned();
  const damaged = (await folders.spoiled(spoiled)).map((each) => ({
    ...each,
    name: identityOf(each.config).name ?? each.uuid,
  }));
  return [...textsOf(entries), ...damaged];
}

function textsOf(entries: readonly Binned[]): (AwayText & { id: string })[] {
  return entries.map(({ id, description: { uuid, name, configName }, config }) => ({
    ...{ id, uuid, name, config, configName },
    place: "bin",
  }));
}
