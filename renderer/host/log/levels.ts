/** The names of Xen's levels, and how they look. */
import { Bug, CircleX, Info, Minus, TriangleAlert, type LucideIcon } from "lucide-react";
import type { XenLogLine } from "../../../core/api/schema.ts";
import type { LevelId } from "../../state/xen-log.ts";

export interface Level {
  id: LevelId;
  /** The name for one line, and for all lines of the level. */
  name: string;
  plural: string;
  icon: LucideIcon;
  /** What the level is in Xen. */
  about: string;
}

export const LEVELS: readonly Level[] = [
  { id: "error", name: "Error", plural: "Errors", icon: CircleX, about: "XENLOG_ERR" },
  { id: "warning", name: "Warning", plural: "Warnings", icon: TriangleAlert, about: "XENLOG_WARNING" },
  { id: "info", name: "Info", plural: "Info", icon: Info, about: "XENLOG_INFO" },
  { id: "debug", name: "Debug", plural: "Debug", icon: Bug, about: "XENLOG_DEBUG, and what guests say by console_io" },
  {
    id: "none",
    name: "No level",
    plural: "No level",
    icon: Minus,
    about: "Printed without a level, as Xen does at boot, of crashes and for debug keys; loglvl takes it for a warning",
  },
];

export function levelOf({ level }: XenLogLine): Level {
  return LEVELS.find(({ id }) => id === (level ?? "none"))!;
}

/** Returns what there is to say about a line besides its text. */
export function describe(line: XenLogLine): string {
  const { name } = levelOf(line);
  if (line.origin === "xen") return name;
  return line.origin === "guest" ? `${name}, caused by a guest` : `${name}, a domain’s own words`;
}
