/**
 * Transfers that are begun one after the other and end together: those that were begun have ended when it resolves or rejects, whatever fails. A
 * transfer may fail while the next is still being looked for, when nobody waits for it yet: Node ends a thread for such a rejection, and this
 * thread is dom0.
 */
export async function together(begin: (add: (transfer: Promise<unknown>) => void) => Promise<void>): Promise<void> {
  const begun: Promise<unknown>[] = [];
  let results: PromiseSettledResult<unknown>[] = [];
  try {
    await begin((transfer) => {
      transfer.catch(() => {});
      begun.push(transfer);
    });
  } finally {
    results = await Promise.allSettled(begun);
  }
  const failed = results.find((result) => result.status === "rejected");
  if (failed) throw failed.reason;
}
