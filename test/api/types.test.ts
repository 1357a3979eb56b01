/**
 * The API's types come from the one table of requests, so what is wrong here does not compile. `npm run lint` checks that, because a @ts-expect-error
 * above a line without an error is an error itself. The part that runs shows that the table is complete.
 */
import { EventEmitter } from "node:events";
import { expect, it } from "vitest";
import type { SessionContext } from "../../core/api/handlers/context.ts";
import { handlersFor } from "../../core/api/handlers/handlers.ts";
import type { DOMAIN_REQUESTS } from "../../core/api/requests/domains.ts";
import type { HandlersOf } from "../../core/api/requests/request.ts";
import { REQUESTS, type Arguments, type Results } from "../../core/api/requests/table.ts";

const nothing = (): null => null;
type Some = Pick<typeof DOMAIN_REQUESTS, "destroy" | "stops">;

/** Never called. Only its types matter. */
export function wrong(): unknown[] {
  // @ts-expect-error: destroy gives null
  const result: Results["destroy"] = 42;
  // @ts-expect-error: a domid is a number
  const args: Arguments<"destroy"> = { domid: "one" };
  // @ts-expect-error: there is no handler of stops
  const missing: HandlersOf<Some> = { destroy: nothing };
  // @ts-expect-error: destroy gives null
  const other: HandlersOf<Some> = { destroy: () => 42, stops: () => [] };
  // @ts-expect-error: there is no request of that name
  const more: HandlersOf<Some> = { destroy: nothing, stops: () => [], unheardOf: nothing };
  return [result, args, missing, other, more];
}

it("every request has one handler, and no handler is without a request", () => {
  const parts = { journal: { entries: [] }, images: {}, captures: {}, transfers: {} };
  const host = Object.assign(new EventEmitter(), parts);
  const session = { host, listen: () => {}, onEnd: () => {}, onPowerOn: () => {} } as unknown as SessionContext;
  expect(Object.keys(handlersFor(session)).sort()).toEqual(Object.keys(REQUESTS).sort());
});
