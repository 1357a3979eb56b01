/** How a request is declared: the arguments that it takes, and the result that it gives. */
import type { z } from "zod";

/** `args` checks what a client sends. Results come from the server itself and are only typed: `result` never has a value. */
export interface Request<Schema extends z.ZodType, Result> {
  readonly args: Schema;
  readonly result?: Result;
}

/** Written as `takes(schema).gives<Result>()`. */
export const takes = <Schema extends z.ZodType>(args: Schema) => ({
  gives: <Result>(): Request<Schema, Result> => ({ args }),
});

type Any = Request<z.ZodType, unknown>;
/** What a client sends, and what the server has after the check. */
export type ArgumentsOf<R extends Any> = z.input<R["args"]>;
export type CheckedOf<R extends Any> = z.output<R["args"]>;
export type ResultOf<R extends Any> = R extends Request<z.ZodType, infer Result> ? Result : never;

/** A function for each request of a table, no more and no fewer. */
export type HandlersOf<Table extends Record<string, Any>> = {
  [N in keyof Table]: (args: CheckedOf<Table[N]>) => ResultOf<Table[N]> | Promise<ResultOf<Table[N]>>;
};
