/** Something that can be done, as the palette lists it. */
import type { DomainAction, EndedAction } from "../domain/actions.ts";
import type { DomainTab } from "../state/tabs.ts";
import type { MenuId } from "./menu-table.ts";

/** Of a certain domain or folder; all others are in the desktop's menus. */
type IdOfOne =
  | `go-${number}`
  | `go-${number}-${DomainTab}`
  | `${DomainAction | EndedAction}-${number}`
  | `${"move-to" | "new-in" | "toggle" | "rename" | "remove" | "organize"}:${string}`;
export type CommandId = MenuId | IdOfOne;

export interface Command {
  id: CommandId;
  group: string;
  title: string;
  /** Other words by which it may be looked for. */
  keywords: string[];
  run: () => void;
}
