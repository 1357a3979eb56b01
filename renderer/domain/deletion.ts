/** Asks before domains are deleted: says what goes with them, what stays, and which of them can't be deleted, and why. */
import type { GoesWith } from "../../core/api/schema.ts";
import { baseName } from "../create/devices.ts";
import { snapshotsText } from "../snapshots/words.ts";
import { act, request, sentence } from "../state/session.ts";
import { ask, toast, type EndedDomain } from "../state/store.ts";
import { sizeText } from "../ui/units.ts";
import { imagesText, listed, writtenText } from "./goes-with.ts";

interface Asked {
  readonly ended: EndedDomain;
  readonly goes: GoesWith;
}

/** Where none of them can be deleted, that is said and nothing is asked. */
export async function askDelete(all: readonly EndedDomain[]): Promise<void> {
  const asked = await Promise.all(all.map(async (ended): Promise<Asked> => ({ ended, goes: await goesWith(ended) })));
  const refused = asked.flatMap(({ ended: { name }, goes }) =>
    goes.refused === null ? [] : [{ name, why: goes.refused }],
  );
  const wanted = asked.filter(({ goes }) => goes.refused === null);
  if (wanted.length === 0) {
    for (const { why } of refused) toast("error", why);
    return;
  }
  ask({
    title: wanted.length === 1 ? `Delete ${wanted[0]!.ended.name}` : `Delete ${wanted.length} domains`,
    text: [goneText(wanted), ...refused.map(({ name, why }) => `${name} can’t be deleted. ${why}`)].join("\n\n"),
    action: "Delete",
    onConfirm: () => wanted.forEach(({ ended: { uuid } }) => void act("keptDelete", { uuid })),
  });
}

const NOTHING = { snapshots: 0, images: [], bytes: 0, isLinked: false, mergedInto: [], isWritingLost: false };

/** Another client may have deleted it already. */
async function goesWith({ uuid }: EndedDomain): Promise<GoesWith> {
  try {
    return await request("keptGoesWith", { uuid });
  } catch (error) {
    return { ...NOTHING, refused: sentence(error) };
  }
}

function goneText(wanted: readonly Asked[]): string {
  const one = wanted.length === 1;
  const kept = wanted.flatMap(({ ended }) => ended.kept ?? []);
  const snapshots = wanted.reduce((sum, { goes }) => sum + goes.snapshots, 0);
  const images = wanted.flatMap(({ goes }) => goes.images);
  const files = [...new Set(kept.flatMap((each) => each.files))].filter((file) => !images.includes(file));
  const all = wanted.map(({ goes }) => goes);
  const bytes = wanted.reduce((sum, { goes }) => sum + goes.bytes, 0);
  const parts = [
    one ? "Its configuration" : `The configurations of ${listed(wanted.map(({ ended }) => ended.name))}`,
    ...(kept.some(({ saved }) => saved) ? ["what is saved of memory"] : []),
    ...(snapshots > 0 ? [`${one ? "its" : "their"} ${snapshotsText(snapshots)}`] : []),
    `the files that were given with ${one ? "it" : "them"}`,
  ];
  return [
    `${parts.slice(0, -1).join(", ")}${one ? "" : ","} and ${parts.at(-1)} go to the bin. They can be restored from there for a day; then they are gone.`,
    images.length === 0
      ? ""
      : `${sentenceOf(imagesText(all))} are gone then too. That is ${sizeText(bytes)}: ${listed(images.map(baseName))}. ${writtenText(all)}`,
    files.length === 0 ? "" : `What lies in files of this computer stays: ${listed(files)}.`,
  ]
    .filter(Boolean)
    .join("\n\n");
}

const sentenceOf = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
