/** Something that can be done, as the palette lists it. */
import type { DomainAction, EndedAction } from "../domain/actions.ts";
import type { DomainTab } from "../state/tabs.ts";
import type { MenuId } from "./menu-table.ts";

/** The id of a command on a certain domain or folder. All other commands are in the desktop's menus. */
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
  /** Other words by which the command may be searched for. */
  keywords: string[];
  run: () => void;
}
