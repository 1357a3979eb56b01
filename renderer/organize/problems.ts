/** What is wrong with folders and tags that are asked for. */
import { isTag, MOST_FOLDERS, MOST_TAGS, TAG_RULE } from "./groups.ts";
import { isPath, PATH_RULE, withParents } from "./paths.ts";

/** Says why there cannot be a folder of that path; null if there can. */
export function folderProblem(path: string, folders: readonly string[]): string | null {
  if (!isPath(path)) return `“${path}” is no folder; allowed: ${PATH_RULE}.`;
  const added = withParents(path).filter((each) => !folders.includes(each)).length;
  return folders.length + added > MOST_FOLDERS
    ? `There are ${folders.length} folders already; allowed: ${MOST_FOLDERS}.`
    : null;
}

/** Tags as they are typed: with spaces or commas between them. */
export function tagsIn(text: string): string[] {
  return text.split(/[\s,]+/).filter((each) => each);
}

/** Why domains that have `present` tags can't get those that are added; null: they can. */
export function tagProblem(added: readonly string[], present: readonly (readonly string[])[]): string | null {
  const wrong = added.find((each) => !isTag(each));
  if (wrong !== undefined) return `“${wrong}” is no tag; allowed: ${TAG_RULE}.`;
  const most = Math.max(...present.map((tags) => new Set([...tags, ...added]).size));
  return most > MOST_TAGS ? `That makes ${most} tags; allowed: ${MOST_TAGS} for a domain.` : null;
}
