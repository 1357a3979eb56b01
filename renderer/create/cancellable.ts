import type { Arguments, Results } from "../../core/api/schema.ts";
import { request } from "../state/session.ts";

/** Creates the domain of that name. When the signal is aborted meanwhile, the host is told to stop, and this rejects with its refusal. */
export async function createUntil(
  signal: AbortSignal,
  name: string,
  given: Arguments<"create">,
): Promise<Results["create"]> {
  signal.throwIfAborted();
  const cancel = (): void => void request("createCancel", { name }).catch(() => {});
  signal.addEventListener("abort", cancel);
  try {
    return await request("create", given);
  } finally {
    signal.removeEventListener("abort", cancel);
  }
}
