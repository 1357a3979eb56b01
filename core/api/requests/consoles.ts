/** Consoles of domains. */
import { z } from "zod";
import type { ConsoleSnapshot } from "../../toolstack/messages.ts";
import { MOST_CONSOLE_INPUT_BYTES } from "../limits.ts";
import { takes } from "./request.ts";
import { domid, bytes, nothing } from "./values.ts";

/** Which of the domain's consoles; the first one, 0, if it is left out. */
const number = z.int().min(0).max(9999).optional();

export const CONSOLE_REQUESTS = {
  consoleAttach: takes(z.strictObject({ domid, console: number })).gives<ConsoleSnapshot>(),
  consoleDetach: takes(z.strictObject({ domid, console: number })).gives<null>(),
  consoleInput: takes(z.strictObject({ domid, bytes: bytes(MOST_CONSOLE_INPUT_BYTES), console: number })).gives<null>(),
  consoleLogs: takes(nothing).gives<{ domid: number; name: string; bytes: number; alive: boolean }[]>(),
};
