/** What is open and selected below each root of the xenstore views. It is kept as long as the window lives. */
import { show } from "../state/store.ts";

const kept = new Map<string, { expanded: Set<string>; selected: string }>();

export function keptOf(root: string): { expanded: Set<string>; selected: string } {
  let found = kept.get(root);
  if (!found) {
    const open = root === "/" ? ["/", "/local", "/local/domain"] : [root];
    kept.set(root, (found = { expanded: new Set(open), selected: root }));
  }
  return found;
}

/** Shows the node in the host's view of xenstore, which has every node, and opens everything above it. */
export function showNode(path: string): void {
  const view = keptOf("/");
  for (let at = path.lastIndexOf("/"); at > 0; at = path.lastIndexOf("/", at - 1)) view.expanded.add(path.slice(0, at));
  view.expanded.add("/").add(path);
  view.selected = path;
  show({ page: "host", tab: "xenstore" });
}
