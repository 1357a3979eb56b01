/** What goes with a domain that is deleted, or that lies in the bin. */
import { shown } from "./bin.ts";
import { allocated } from "./images.ts";
import { chainsIn, losesWrites } from "./last-merge.ts";
import { checkUnused } from "./merging.ts";
import { learnNames, type Parts } from "./parts.ts";
import type { GoesWith } from "./report.ts";
import type { Tree } from "./tree.ts";

const NOTHING: GoesWith = {
  ...{ snapshots: 0, images: [], bytes: 0, isLinked: false, mergedInto: [], isWritingLost: false, refused: null },
};

/** A domain that is kept, or what lies in the bin under that id. */
export type Deleted = { uuid: string } | { id: string };

/** Of each of them. */
export async function goesWith(parts: Parts, all: readonly Deleted[]): Promise<GoesWith[]> {
  await learnNames(parts);
  return Promise.all(all.map((each) => ofOne(parts, each)));
}

async function ofOne(parts: Parts, which: Deleted): Promise<GoesWith> {
  const { trees } = parts;
  const folder = "id" in which ? trees.binFolder(which.id) : null;
  const tree = "uuid" in which ? trees.known(which.uuid) : trees.awayIn(folder!);
  if (!tree) return NOTHING;
  const chains = await chainsIn(trees, tree, folder);
  const images = trees.madeFor(tree, folder);
  const bytes = (await Promise.all(images.map(allocated))).reduce((sum, each) => sum + each, 0);
  return {
    ...{ snapshots: shown(tree).length, images, bytes, isLinked: tree.layers.some(({ isForeign }) => isForeign) },
    mergedInto: chains.map(([first]) => first.file),
    isWritingLost: losesWrites(tree, chains),
    refused: "uuid" in which ? whyNeeded(parts, tree) : null,
  };
}

function whyNeeded(parts: Parts, { uuid, snapshots }: Tree): string | null {
  try {
    for (const { id, name } of snapshots) checkUnused(parts, uuid, id, name);
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}
