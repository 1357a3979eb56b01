/** Words for what goes with domains that are deleted, and for what stays. */
import type { GoesWith } from "../../core/api/schema.ts";
import { baseName } from "../create/devices.ts";
import { snapshotsText } from "../snapshots/words.ts";

const MOST_NAMED = 12;
/** As "a, b and c", or "a, b and more". */
export function listed(names: readonly string[]): string {
  const shown = names.slice(0, MOST_NAMED);
  const last = names.length > MOST_NAMED ? "more" : shown.pop();
  return shown.length === 0 ? (last ?? "") : `${shown.join(", ")} and ${last}`;
}

export type Goes = Pick<GoesWith, "snapshots" | "images" | "isLinked" | "mergedInto" | "isWritingLost">;

/** What the images are that go with these domains, within a sentence. Some of them have such images. */
export function imagesText(all: readonly Goes[]): string {
  const some = all.filter(({ images }) => images.length > 0);
  const one = all.length === 1;
  if (!some.some(({ isLinked }) => isLinked))
    return `the disk images that were made for ${one ? "its" : "their"} snapshots`;
  if (some.every(({ isLinked, snapshots }) => isLinked && snapshots === 0))
    return `the disk images that were made for ${one ? "it from a snapshot of another domain" : "them from snapshots of other domains"}`;
  return `the disk images that were made for ${one ? "it" : "them"} from snapshots`;
}

/** What becomes of what was written to these images. */
export function writtenText(all: readonly Goes[]): string {
  const into = [...new Set(all.flatMap(({ mergedInto }) => mergedInto))].map(baseName);
  const lost = all.filter(({ isWritingLost }) => isWritingLost);
  const kept = `What was written to them is merged into ${listed(into)} before, and ${into.length === 1 ? "that stays" : "these stay"}.`;
  const gone = `What was written to ${into.length === 0 ? "them" : "the others"} is gone with them`;
  const why = "the images with which their disks began are needed by another domain, have changed since or are missing";
  return [
    ...(into.length === 0 ? [] : [kept]),
    ...(lost.length === 0 ? [] : [lost.every(({ isLinked }) => isLinked) ? `${gone}.` : `${gone}: ${why}.`]),
  ].join(" ");
}

/** What goes when a deleted domain is removed for good, and what stays. */
export function goneForGood(goes: Goes & { files: readonly string[] }): string {
  const { snapshots, images, files } = goes;
  const along = [
    ...(snapshots === 0 ? [] : [`its ${snapshotsText(snapshots)}`]),
    ...(images.length === 0 ? [] : [imagesText([goes])]),
  ];
  return [
    `What the domain was is removed${along.length === 0 ? "" : ` with ${along.join(" and ")}`}.`,
    ...(images.length === 0 ? [] : [writtenText([goes])]),
    ...(files.length === 0 ? [] : [`What lies in files of this computer stays: ${listed(files.map(baseName))}.`]),
  ]
    .filter(Boolean)
    .join(" ");
}
