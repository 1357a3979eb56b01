/**
 * Runs transfers that are begun one after the other, and waits for all of them: when it resolves or rejects, all that were begun have ended, whatever
 * fails. A transfer may fail while the next one is still being looked for and nobody waits for it yet. Node would end the thread for such a
 * rejection, and this thread is dom0.
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
