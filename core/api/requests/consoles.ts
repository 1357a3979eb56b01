/** Consoles of domains. */
import { z } from "zod";
import type { ConsoleSnapshot } from "../../toolstack/messages.ts";
import { MOST_CONSOLE_INPUT_BYTES } from "../limits.ts";
import { takes } from "./request.ts";
import { domid, bytes, nothing } from "./values.ts";

export const CONSOLE_REQUESTS = {
  consoleAttach: takes(z.strictObject({ domid })).gives<ConsoleSnapshot>(),
  consoleDetach: takes(z.strictObject({ domid })).gives<null>(),
  consoleInput: takes(z.strictObject({ domid, bytes: bytes(MOST_CONSOLE_INPUT_BYTES) })).gives<null>(),
  consoleLogs: takes(nothing).gives<{ domid: number; name: string; bytes: number; alive: boolean }[]>(),
};
